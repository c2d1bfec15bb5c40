import { Cell, type Readable } from './cell.ts'
import { type Event, type Page, type Position, type Refused } from './wire.ts'
import { type World } from './world.ts'

export interface LogState {
  /** A stretch without a gap, oldest first. */
  readonly events: readonly Event[]
  /** Whether older events exist that are not here. */
  readonly older: boolean
  /** Whether older ones are being fetched. */
  readonly loading: boolean
  /** Whether anything was heard from the server at all. */
  readonly known: boolean
}

/** Asks for a page after a position, or before a number (0: the newest). */
export type AskPage = (where: { after: Position } | { before: number }, limit: number) => Promise<Page>

/** More than this is not kept: the oldest are dropped as new ones come, and fetched again when somebody scrolls up. */
export const mostEvents = 5_000
const pageSize = 50
const fillSize = 200
/** Behind by more than this, the newest page is loaded instead of all that was missed. */
const farBehind = 1_000
const mostAhead = 500
const pause = { first: 1_000, most: 30_000 }

const nothing: LogState = { events: [], older: false, loading: false, known: false }

/** A copy of a conversation's log: applies events by number, ignores repeats, asks for what is missing. */
export class Log {
  readonly state: Readable<LogState>
  /** For those who trim a copy that nobody looks at. */
  readonly cell = new Cell<LogState>(nothing)
  /** Events that came before the ones they follow. */
  #ahead = new Map<number, Event>()
  #filling = false
  /** Fetches in a row that brought nothing. */
  #vain = 0
  #cancelRetry = () => {}
  readonly #world: Pick<World, 'timer'>
  readonly #ask: AskPage
  readonly #applied: (event: Event) => void

  constructor(
    world: Pick<World, 'timer'>,
    ask: AskPage,
    /** Told of each event that is new to this copy, in order. */
    applied: (event: Event) => void = () => {},
  ) {
    this.#world = world
    this.#ask = ask
    this.#applied = applied
    this.state = this.cell
  }

  /** How far the copy reaches, with the tag that proves it; undefined: nowhere yet. */
  position(): Position | undefined {
    const last = this.cell.get().events.at(-1)
    return last && { n: last.n, tag: last.tag }
  }

  /** A new event, as it was pushed. */
  event(event: Event): void {
    const held = this.#find(event.n)
    if (held && held.tag !== event.tag) return this.#startAnew()
    const next = (this.position()?.n ?? 0) + 1
    if (event.n < next) return
    if (event.n > next) {
      if (this.#ahead.size < mostAhead) this.#ahead.set(event.n, event)
      return void this.#fill()
    }
    this.#append([event])
  }

  /** The page of a hello or of an open: what follows our position, or the newest if we had none. */
  page(page: Page): void {
    this.#take(page)
    if (page.head.n > (this.position()?.n ?? 0)) void this.#fill()
  }

  /** There is a log up to here: a head or an ack says so. */
  reaches(n: number): void {
    if (n > (this.position()?.n ?? 0)) void this.#fill()
  }

  /** Fetches older events; false when there are none, or none can be had now. */
  async loadOlder(): Promise<boolean> {
    const { events, older, loading } = this.cell.get()
    const first = events[0]
    if (!first || !older || loading || events.length >= mostEvents) return false
    this.cell.update(state => ({ ...state, loading: true }))
    const page = await this.#ask({ before: first.n }, pageSize).catch(() => undefined)
    this.cell.update(state => ({ ...state, loading: false }))
    if (!page || this.cell.get().events[0]?.n !== first.n) return false
    this.#prepend(page)
    return page.events.length > 0
  }

  /** Drops the copy. */
  clear(): void {
    this.#cancelRetry()
    this.#ahead.clear()
    this.cell.set(nothing)
  }

  #find(n: number): Event | undefined {
    const { events } = this.cell.get()
    return events[n - (events[0]?.n ?? 0)]
  }

  #startAnew(): void {
    this.clear()
    void this.#fill()
  }

  #take(page: Page): void {
    const last = page.events.at(-1)
    const behind = this.position() && page.more && last && page.head.n - last.n > farBehind
    if (behind) return this.#startAnew()
    const fresh = page.reset || page.truncated || !this.position()
    if (fresh) {
      this.#ahead.clear()
      const first = page.events[0]
      this.cell.set({ events: [], older: !page.truncated && (first?.n ?? 1) > 1, loading: false, known: true })
      this.#append(page.events)
    } else {
      this.#append(page.events.filter(event => event.n > (this.position()?.n ?? 0)))
    }
  }

  /** Appends what follows without a gap, then what had come too early. */
  #append(events: readonly Event[]): void {
    const state = this.cell.get()
    const added: Event[] = []
    let next = (state.events.at(-1)?.n ?? (events[0]?.n ?? 1) - 1) + 1
    const follow = (event: Event | undefined) => event?.n === next && (added.push(event), next++)
    for (const event of events) if (!follow(event)) break
    while (follow(this.#ahead.get(next)));
    for (const n of this.#ahead.keys()) if (n < next) this.#ahead.delete(n)
    const over = state.events.length + added.length - mostEvents
    const all = [...state.events, ...added].slice(Math.max(0, over))
    this.cell.set({ ...state, events: revised(all, added), older: state.older || over > 0, known: true })
    for (const event of added) this.#applied(event)
  }

  #prepend(page: Page): void {
    const state = this.cell.get()
    const first = state.events[0]?.n ?? 0
    const older = page.events.filter((event, i) => event.n === first - page.events.length + i)
    const all = [...older, ...state.events]
    this.cell.set({ ...state, events: revised(all, state.events), older: older.length > 0 && !!page.more })
  }

  async #fill(): Promise<void> {
    if (this.#filling) return
    this.#filling = true
    this.#cancelRetry()
    try {
      await this.#fillUp()
    } catch (why) {
      // After a lost connection, the next hello brings the page.
      if ((why as Refused).code !== 'offline') this.#later()
    } finally {
      this.#filling = false
    }
  }

  async #fillUp(): Promise<void> {
    for (;;) {
      const from = this.position()
      const page = await this.#ask(from ? { after: from } : { before: 0 }, from ? fillSize : pageSize)
      // Something else moved the copy meanwhile: this answer is of a place that we have left.
      if (from?.n === this.position()?.n) this.#take(page)
      const now = this.position()?.n ?? 0
      if (now !== (from?.n ?? 0)) this.#vain = 0
      if (now >= page.head.n && this.#ahead.size === 0) return
      if (now === (from?.n ?? 0)) return this.#later()
    }
  }

  /** A gap that did not close is asked for again, but not at once. */
  #later(): void {
    this.#cancelRetry()
    this.#cancelRetry = this.#world.timer(Math.min(pause.most, pause.first * 2 ** this.#vain++), () => void this.#fill())
  }
}

/** Puts the present form of what edits and recalls changed in the place of the old one. */
function revised(events: readonly Event[], changes: readonly Event[]): readonly Event[] {
  const first = events[0]?.n ?? 0
  let out: Event[] | undefined
  for (const { target } of changes) {
    const held = target && (out ?? events)[target.n - first]
    if (!held || (!target.erased && (held.erased || (target.rev ?? 0) <= (held.rev ?? 0)))) continue
    out ??= [...events]
    out[target.n - first] = { ...target, ...(held.id && { id: held.id }) }
  }
  return out ?? events
}
