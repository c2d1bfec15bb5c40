import { Cell, type Readable } from './cell.ts'
import { type Keep } from './keep.ts'
import { byteLength } from './text.ts'
import { tooBig, type ClientFrame, type Frame, type Limits } from './wire.ts'
import { type World } from './world.ts'

/** A file of a message on its way, as the screen shows it. */
export interface OutboxFile {
  /** The id of its upload; empty until the upload is complete. */
  readonly id: string
  /** Names it on the page where it was chosen, before it has an id. */
  readonly key?: string
  readonly name: string
  readonly type: string
  /** In bytes. */
  readonly size: number
  readonly width?: number
  readonly height?: number
}

/**
 * A message or note on its way. `waiting` for the connection, its turn, or its files; `sending`: under way; `sent`: the
 * server keeps it, and its event will take its place; `failed`: waits for a person, `code` says why.
 */
export interface OutboxItem {
  /** The client_id: it makes repeating harmless. */
  readonly id: string
  /** The conversation; empty for a visitor, who has but one. */
  readonly c: string
  readonly t: 'send' | 'note'
  readonly text: string
  /** In their order. */
  readonly files?: readonly OutboxFile[] | undefined
  /** The id of the broadcast that it answers. */
  readonly broadcast?: string | undefined
  /** When it was written. */
  readonly at: number
  readonly state: 'waiting' | 'sending' | 'sent' | 'failed'
  /** An error code of the wire, or `too_big`, `old`, `unfinished`: the page went away before its files were uploaded. */
  readonly code?: string | undefined
  /** The server's explanation, in English. */
  readonly why?: string | undefined
  /** It is known that the server did not take it under this id. */
  readonly refused?: boolean | undefined
  /** The number of its event, once sent. */
  readonly n?: number
}

export const mostItems = 200
export const oldAge = 7 * 24 * 3_600_000
/** An ack that is later than this, in ms, is not waited for any longer. */
const ackLimit = 15_000
const pause = { first: 1_000, most: 30_000 }

export interface OutboxOptions {
  newId: () => string
  send: (frame: ClientFrame) => boolean
  /** The ack is late: find out whether the connection lives. */
  doubt: () => void
  keep: Keep
}

/** What is under way in one conversation. */
interface Lane {
  item?: string
  cancelAck: () => void
  /** Pauses in a row, and the timer of the present one. */
  pauses: number
  cancelPause?: () => void
}

const unfinished = (item: OutboxItem) => item.files?.some(({ id }) => !id)

/** Keeps what was written until the server does; sends it in order, one at a time for each conversation. */
export class Outbox {
  readonly items: Readable<readonly OutboxItem[]>
  readonly #cell = new Cell<readonly OutboxItem[]>([])
  readonly #lanes = new Map<string, Lane>()
  #limits: Limits | undefined
  #stopped = false
  /** The ids of the newest events: what another tab tells of them is late. */
  readonly #done = new Set<string>()
  /** What was written on this page: sent by another, it stays on the screen until its event is here. */
  readonly #written = new Set<string>()
  readonly #world: Pick<World, 'now' | 'timer'>
  readonly #options: OutboxOptions

  constructor(
    world: Pick<World, 'now' | 'timer'>,
    options: OutboxOptions,
  ) {
    this.#world = world
    this.#options = options
    this.items = this.#cell
    options.keep.listen({
      put: item => this.#done.has(item.id) || this.#put(item),
      drop: id => (this.#written.has(id) && this.find(id)?.n) || this.#hide(id),
      adopt: items => this.#adopt(items),
    })
  }

  /** Undefined when 200 wait already. */
  add(c: string, t: OutboxItem['t'], text: string, files?: readonly OutboxFile[], broadcast?: string): OutboxItem | undefined {
    if (this.#cell.get().length >= mostItems) return undefined
    const item: OutboxItem = { id: this.#options.newId(), c, t, text, ...(files && { files }), broadcast, at: this.#world.now(), state: 'waiting' }
    this.#written.add(item.id)
    this.#own(item)
    this.#pump()
    return item
  }

  /** Tries a failed one again: under a new id if the old one was refused or is too old, else under its own. */
  resend(id: string): void {
    const item = this.find(id)
    if (item?.state !== 'failed') return
    const again: OutboxItem = { ...item, state: 'waiting', code: undefined, why: undefined, refused: undefined }
    const anew = item.refused || item.code === 'old'
    if (anew) this.remove(id)
    this.#own(anew ? { ...again, id: this.#options.newId(), at: this.#world.now() } : again)
    this.#pump()
  }

  discard(id: string): void {
    if (this.find(id)?.state === 'failed') this.remove(id)
  }

  /** A connection said hello. */
  online(limits: Limits): void {
    this.#limits = limits
    this.#stopped = false
    this.#pump()
  }

  /** The connection was lost: what was under way waits again, under its id, unless it was too big to pass. */
  offline(code: number): void {
    this.#limits = undefined
    for (const { item, cancelAck, cancelPause } of this.#lanes.values()) {
      cancelAck()
      cancelPause?.()
      const under = item && this.find(item)
      if (under) this.#own({ ...under, ...(code === tooBig && under.state === 'sending' ? { state: 'failed', code: 'too_big' } : { state: 'waiting' }) })
    }
    this.#lanes.clear()
  }

  /** Whether the ack was for one of ours. */
  ack(frame: Frame<'ack'>): boolean {
    const item = this.find(frame.id)
    if (!item) return false
    this.renew({ ...item, state: 'sent', n: frame.n })
    return true
  }

  /** An item is as given now, and nothing of it is under way: the next step may be taken. */
  renew(item: OutboxItem): void {
    this.#free(item)
    this.#own(item)
    this.#pump()
  }

  /** Whether the error was about one of ours. */
  error(frame: Frame<'error'>): boolean {
    const item = frame.id && this.find(frame.id)
    if (!item) return false
    const lane = this.#free(item)
    if (frame.do === 'retry') {
      this.#own({ ...item, state: 'waiting' })
      this.#rest(item.c, lane, frame.retry_after)
    } else {
      if (frame.do === 'stop') this.#stopped = true
      this.#own({ ...item, state: 'failed', code: frame.code, why: frame.text, refused: true })
    }
    this.#pump()
    return true
  }

  /** The log of a conversation has come to this event: its outbox item, if it has one, is done. */
  applied(c: string, event: { n: number; id?: string }): void {
    if (event.id) this.#remember(event.id)
    const done = (item: OutboxItem) => item.id === event.id || (item.c === c && (item.n ?? Infinity) <= event.n)
    for (const item of this.#cell.get().filter(done)) {
      this.#free(item)
      this.#own({ ...item, state: 'sent', n: event.n }) // other tabs may not have heard of its ack
      this.remove(item.id)
    }
    this.#pump()
  }

  /** Sends what may be sent now. */
  #pump(): void {
    if (!this.#limits || this.#stopped) return
    for (const item of this.#cell.get()) {
      const lane = this.#lanes.get(item.c)
      if (item.state !== 'waiting' || lane?.item || lane?.cancelPause || !this.#options.keep.mine(item.id)) continue
      const ready = this.#fresh(item)
      if (ready.state === 'failed') this.#own(ready)
      else this.#start(item, this.#limits)
    }
  }

  #start(item: OutboxItem, limits: Limits): void {
    const frame = { t: item.t, id: item.id, ...(item.c && { c: item.c }), text: item.text, ...(item.files && { files: item.files.map(({ id }) => id) }), broadcast: item.broadcast } as ClientFrame
    if (byteLength(JSON.stringify(frame)) > limits.frame_bytes) {
      return this.#own({ ...item, state: 'failed', code: 'too_big', refused: true })
    }
    const lane = this.#lanes.get(item.c) ?? { cancelAck: () => {}, pauses: 0 }
    this.#lanes.set(item.c, lane)
    lane.item = item.id
    if (unfinished(item)) return // the next ones wait behind it
    lane.cancelAck = this.#world.timer(ackLimit, () => this.#late(item))
    this.#own({ ...item, state: 'sending' })
    if (!this.#options.send(frame)) this.#options.doubt()
  }

  /** No answer, on a connection that seems to live: ask it whether it does, and repeat, which harms nothing. */
  #late(item: OutboxItem): void {
    this.#options.doubt()
    this.renew({ ...item, state: 'waiting' })
  }

  /** An item that is too old to be repeated by itself waits for a person. */
  #fresh(item: OutboxItem): OutboxItem {
    const old = item.state === 'waiting' && item.at < this.#world.now() - oldAge
    return old ? { ...item, state: 'failed', code: 'old' } : item
  }

  #rest(c: string, lane: Lane | undefined, ms: number | undefined): void {
    const pauses = (lane?.pauses ?? 0) + 1
    const wait = ms ?? Math.min(pause.most, pause.first * 2 ** (pauses - 1))
    const resting: Lane = { cancelAck: () => {}, pauses }
    resting.cancelPause = this.#world.timer(wait, () => {
      delete resting.cancelPause
      this.#pump()
    })
    this.#lanes.set(c, resting)
  }

  #free(item: OutboxItem): Lane | undefined {
    const lane = this.#lanes.get(item.c)
    if (lane?.item !== item.id) return undefined
    lane.cancelAck()
    this.#lanes.delete(item.c)
    return lane
  }

  /** Items of an earlier page, or of a tab that has gone: ours now. What was under way there may have arrived or not. */
  #adopt(items: readonly OutboxItem[]): void {
    for (const item of items) {
      if (item.n || this.#done.has(item.id) || this.find(item.id)?.n) continue
      if (unfinished(item)) this.#own({ ...item, state: 'failed', code: 'unfinished' })
      else this.#own(this.#fresh(item.state === 'sending' ? { ...item, state: 'waiting' } : item))
    }
    this.#pump()
  }

  #remember(id: string): void {
    this.#done.add(id)
    for (const oldest of this.#done) if (this.#done.size > mostItems) this.#done.delete(oldest)
  }

  #own(item: OutboxItem): void {
    this.#options.keep.put(item)
    this.#put(item)
  }

  #put(item: OutboxItem): void {
    this.#cell.update(items => [...items.filter(({ id }) => id !== item.id), item].sort((a, b) => (a.id < b.id ? -1 : 1)))
  }

  /** Gives it up, whatever its state. */
  remove(id: string): void {
    this.#options.keep.drop(id)
    this.#hide(id)
  }

  #hide(id: string): void {
    this.#written.delete(id)
    this.#cell.update(items => items.filter(item => item.id !== id))
  }

  find(id: string): OutboxItem | undefined {
    return this.#cell.get().find(item => item.id === id)
  }
}

