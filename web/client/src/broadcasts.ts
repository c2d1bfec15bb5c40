import type { Broadcast, Broadcasts } from './wire.ts'
import { attempt } from './world.ts'
import type { BroadcastsState, VisitorClient } from './visitor.ts'
import type { OutboxItem } from './outbox.ts'

/** A timer of the browser cannot be longer, in ms. */
const longest = 86_400_000
/** Where the ids of closed cards are kept. */
const closedKey = 'closed'

/** What each client has been told, apart from what is shown. */
interface Seen {
  /** The newest that the visitor has seen. */
  to: number
  cancel: () => void
  /** Ends what watches the outbox. */
  stop: () => void
}

const clients = new WeakMap<VisitorClient, Seen>()

const seenOf = (client: VisitorClient): Seen => {
  const known = clients.get(client)
  if (known) return known
  const seen = { to: 0, cancel: () => {}, stop: client.outbox.subscribe(items => written(client, items)) }
  clients.set(client, seen)
  return seen
}

const isNew = (seen: Seen) => (one: Broadcast) => !one.read && one.n > seen.to

const nothing = (): BroadcastsState => ({ list: [], closed: [], off: false, acts: { read, want, answer, close } })

/** A message was written: whoever was answered is answered, and who writes first is a visitor from now on. */
function written(client: VisitorClient, items: readonly OutboxItem[]): void {
  const { answers, closed } = client.broadcasts.get() ?? nothing()
  if (answers && items.some(({ broadcast }) => broadcast === answers)) answer(client, undefined)
  if (closed.length > 0) keep(client, closed)
}

/** Takes in what the server tells of broadcasts; anew: by a hello, with which all counts begin again. */
export function hear(client: VisitorClient, told: Broadcasts, anew = false): void {
  const seen = seenOf(client)
  const now = client.world.now()
  const before = client.broadcasts.get() ?? nothing()
  const stay = told.reset ? [] : before.list
  const gone = new Set([...(told.drop ?? []), ...(told.put ?? []).map(({ id }) => id)])
  const list = [...stay.filter(({ id }) => !gone.has(id)), ...(told.put ?? [])].filter(({ expires = Infinity }) => expires > now).sort((a, b) => a.n - b.n)
  show(client, { ...before, list, closed: [...new Set([...before.closed, ...kept(client)])], off: !!told.off })
  const known = new Set(anew ? [] : before.list.map(({ id }) => id))
  count(client, list.filter(isNew(seen)).filter(({ id }) => !known.has(id)).length)
  if (list.some(one => !one.read && one.n <= seen.to)) client.live.send({ t: 'broadcasts', read: seen.to })
}

function count(client: VisitorClient, more: number): void {
  if (more) client.cell.update(state => ({ ...state, unread: Math.max(0, state.unread + more) }))
}

/** Shows them, those that have expired left out, and looks again when the next one does. */
function show(client: VisitorClient, state: BroadcastsState): void {
  const seen = seenOf(client)
  const now = client.world.now()
  const list = state.list.filter(({ expires = Infinity }) => expires > now)
  const lost = (client.broadcasts.get()?.list ?? []).filter(isNew(seen)).filter(({ id }) => !list.some(one => one.id === id))
  const answers = list.some(({ id }) => id === state.answers) ? state.answers : undefined
  client.broadcasts.set({ ...state, list, answers })
  if (client.state.get().unread) count(client, -lost.length)
  seen.cancel()
  const next = Math.min(...list.map(({ expires = Infinity }) => expires))
  seen.cancel = next < Infinity ? client.world.timer(Math.min(longest, next - now), () => show(client, client.broadcasts.get() ?? nothing())) : () => {}
}

/** The visitor has seen them up to this one. */
export function read(client: VisitorClient, n: number): void {
  const seen = seenOf(client)
  if (n <= seen.to) return
  const list = client.broadcasts.get()?.list ?? []
  const fresh = list.filter(isNew(seen)).filter(one => one.n <= n).length
  seen.to = n
  if (!fresh) return
  count(client, -fresh)
  client.live.send({ t: 'broadcasts', read: n })
}

/** The visitor wants no more of them, or wants them again. */
export function want(client: VisitorClient, on: boolean): void {
  client.live.send({ t: 'broadcasts', off: !on })
}

/** The next message answers this one. */
export function answer(client: VisitorClient, id: string | undefined): void {
  client.broadcasts.update(state => state && { ...state, answers: id })
}

/** The visitor has put this card away: it has been read, and does not come back here. */
export function close(client: VisitorClient, id: string): void {
  const { list, closed } = client.broadcasts.get() ?? nothing()
  const one = list.find(one => one.id === id)
  if (!one) return
  read(client, one.n)
  const now = [...closed, id].filter(known => list.some(({ id }) => id === known))
  client.broadcasts.update(state => state && { ...state, closed: now })
  keep(client, now)
}

/** Nothing is kept of somebody who has not written. */
function keep({ exists, tabs: { shelf } }: VisitorClient, closed: readonly string[]): void {
  const text = JSON.stringify(closed)
  attempt(() => exists && shelf.get(closedKey) !== text && shelf.set(closedKey, text))
}

/** What is kept may be old, cut or not ours at all. */
function kept({ tabs: { shelf } }: VisitorClient): string[] {
  const found = attempt(() => JSON.parse(shelf.get(closedKey) ?? '[]') as unknown)
  return Array.isArray(found) ? found.filter(id => typeof id === 'string') : []
}
