import { Cell, type Readable } from './cell.ts'
import { type Counts, type Frame, type Row, type View, type Visitor } from './wire.ts'

export interface ListState {
  /** In the order of the view. */
  readonly rows: readonly Row[]
  /** Whether further rows can be fetched. */
  readonly more: boolean
  /** Whether it was ever heard of; rows of before a lost connection stay until the new snapshot. */
  readonly known: boolean
}

type Order = (a: Row, b: Row) => number

const newest: Order = (a, b) => b.last_at - a.last_at || (a.c < b.c ? 1 : -1)
const since = (at: number | undefined) => at ?? Number.MAX_SAFE_INTEGER

/** The orders of internal/store/list.go. */
const orders: Readonly<Record<View, Order>> = {
  waiting: (a, b) => since(a.round.waiting_since) - since(b.round.waiting_since) || (a.c < b.c ? -1 : 1),
  mine: (a, b) => since(a.round.unanswered_since) - since(b.round.unanswered_since) || newest(a, b),
  open: newest,
  resolved: newest,
}

function belongs(row: Row, view: View, me: string): boolean {
  const { state, agent } = row.round
  if (view === 'waiting' || view === 'resolved') return state === view
  if (view === 'mine') return state === 'assigned' && agent?.id === me
  return state === 'waiting' || state === 'assigned'
}

const views: readonly View[] = ['waiting', 'mine', 'open', 'resolved']

/** The agent's lists: snapshots, then rows put and dropped; of two forms of a row the higher version wins. */
export class Lists {
  readonly counts: Readable<Counts>
  readonly #countCell = new Cell<Counts>({ waiting: 0, mine: 0, open: 0, visitors: 0 })
  readonly #cells = new Map(views.map(view => [view, new Cell<ListState>({ rows: [], more: false, known: false })]))
  /** Which agent reads. */
  me = ''

  constructor() {
    this.counts = this.#countCell
  }

  list(view: View): Readable<ListState> {
    return this.#cell(view)
  }

  /** The last row of a view, behind which its next page starts. */
  last(view: View): string | undefined {
    return this.#cell(view).get().rows.at(-1)?.c
  }

  /** A snapshot's first rows, or with `after` its next page. */
  snapshot(frame: Frame<'list'>): void {
    const cell = this.#cell(frame.view)
    const old = cell.get().rows
    const merged = new Map(frame.after ? old.map(row => [row.c, row]) : [])
    for (const row of frame.rows) merged.set(row.c, higher(row, merged.get(row.c)))
    const rows = [...merged.values()].sort(orders[frame.view])
    cell.set({ rows, more: !!frame.more, known: true })
    this.#countCell.set(frame.counts)
  }

  change(frame: Frame<'rows'>): void {
    for (const view of views) this.#changeView(view, frame)
    this.#countCell.set(frame.counts)
  }

  /** A conversation that is no more stands in no view. */
  forget(c: string): void {
    for (const cell of this.#cells.values()) {
      cell.update(state => (state.rows.some(row => row.c === c) ? { ...state, rows: state.rows.filter(row => row.c !== c) } : state))
    }
  }

  visitorCount(visitors: number): void {
    this.#countCell.update(counts => (counts.visitors === visitors ? counts : { ...counts, visitors }))
  }

  #changeView(view: View, { put = [], drop = [] }: Frame<'rows'>): void {
    const cell = this.#cell(view)
    const state = cell.get()
    if (!state.known) return
    const rows = new Map(state.rows.map(row => [row.c, row]))
    const end = state.rows.at(-1)
    for (const c of drop) rows.delete(c)
    for (const row of put) {
      const held = rows.get(row.c)
      if (held && held.v > row.v) continue
      // What sorts behind the part that is here comes with the next page.
      const behind = !held && state.more && end && orders[view](row, end) > 0
      if (!belongs(row, view, this.me)) rows.delete(row.c)
      else if (!behind) rows.set(row.c, row)
    }
    cell.set({ ...state, rows: [...rows.values()].sort(orders[view]) })
  }

  #cell(view: View): Cell<ListState> {
    return this.#cells.get(view) as Cell<ListState>
  }
}

const higher = (row: Row, held: Row | undefined) => (held && held.v > row.v ? held : row)

export interface VisitorsState {
  /** Who came first stands first. */
  readonly all: readonly Visitor[]
  /** How many there are, also beyond the 500 that are listed. */
  readonly count: number
  readonly known: boolean
}

/** Who is on the sites now. */
export class VisitorsHere {
  readonly state: Readable<VisitorsState>
  readonly #cell = new Cell<VisitorsState>({ all: [], count: 0, known: false })

  constructor() {
    this.state = this.#cell
  }

  heard({ r, put = [], drop = [], count }: Frame<'visitors'>): void {
    const all = new Map(r ? [] : this.#cell.get().all.map(visitor => [visitor.key, visitor]))
    for (const key of drop) all.delete(key)
    for (const visitor of put) all.set(visitor.key, visitor)
    const inOrder = [...all.values()].sort((a, b) => (a.since ?? 0) - (b.since ?? 0) || (a.key < b.key ? -1 : 1))
    this.#cell.set({ all: inOrder, count, known: true })
  }
}
