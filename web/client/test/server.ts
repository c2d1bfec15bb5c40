import { type ClientFrame, type Event, type Page, type Position } from '../src/wire.ts'
import { type FakeSocket, helloFrame } from './fakes.ts'

interface Sent {
  t: string
  id: string
  text: string
}

/** A conversation that keeps its promises, over connections that do not. */
export class ModelServer {
  readonly events: Event[] = []
  private readonly byId = new Map<string, Event>()
  private readonly read = new Map<FakeSocket, number>()
  readonly greeted = new Set<FakeSocket>()
  /** Every client_id that was ever received, in order, repeats included. */
  readonly received: string[] = []

  append(text: string, by: 'agent' | 'visitor' = 'agent', id?: string): Event {
    const n = this.events.length + 1
    const event: Event = { n, tag: n * 7919, kind: 'message', v: 1, at: n, by: { kind: by }, text, ...(id && { id }) }
    this.events.push(event)
    return event
  }

  head(): Position {
    return { n: this.events.length, tag: this.events.at(-1)?.tag ?? 0 }
  }

  page(frame: { after?: Position; before?: number; limit?: number }, most = 50): Page {
    const limit = Math.min(frame.limit ?? 50, most)
    const { after, before = 0 } = frame
    if (after && this.events[after.n - 1]?.tag !== after.tag) return { ...this.page({ before: 0 }, most), reset: true }
    if (after) return { events: this.events.slice(after.n, after.n + limit), head: this.head(), more: this.events.length > after.n + limit }
    const end = before ? before - 1 : this.events.length
    return { events: this.events.slice(Math.max(0, end - limit), end), head: this.head(), more: end > limit }
  }

  /** The frames of a connection that were not looked at yet. */
  unread(socket: FakeSocket): ClientFrame[] {
    const from = this.read.get(socket) ?? 0
    this.read.set(socket, socket.sent.length)
    return socket.sent.slice(from)
  }

  greet(socket: FakeSocket, at: Position | undefined): void {
    this.greeted.add(socket)
    const none = { received: 0, read: 0 }
    const conversation = { c: 'c1', head: this.head(), round: { number: 1, state: 'waiting' }, unread: 0, mine: none, theirs: none }
    socket.say(helloFrame(this.events.length > 0 ? { conversation, page: this.page(at ? { after: at } : {}) } : {}))
  }

  /** Keeps a message once, whatever comes of its answer. */
  keep(frame: Sent): Event {
    this.received.push(frame.id)
    const known = this.byId.get(frame.id)
    if (known) return known
    const event = this.append(frame.text, 'visitor', frame.id)
    this.byId.set(frame.id, event)
    return event
  }

  ack(socket: FakeSocket, event: Event): void {
    socket.say({ t: 'ack', id: event.id, c: 'c1', n: event.n, tag: event.tag, at: event.at })
  }

  push(socket: FakeSocket, event: Event): void {
    socket.say({ t: 'event', c: 'c1', e: event })
  }
}
