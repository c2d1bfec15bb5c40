import { type Channel, type Locks, type Tabs } from '../src/keep.ts'
import { memoryShelf, type Shelf, type Socket, type World } from '../src/world.ts'
import { type ClientFrame, type ServerFrame } from '../src/wire.ts'

/** Lets promises that are settled run on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null
  onmessage: ((message: { data: unknown }) => void) | null = null
  onclose: ((closed: { code: number }) => void) | null = null
  readonly sent: ClientFrame[] = []
  closedBy: 'client' | 'server' | undefined
  readyState = 1

  constructor(readonly url: string) {}

  send(text: string): void {
    if (this.readyState > 1) throw new Error('WebSocket is already in CLOSING or CLOSED state.')
    this.sent.push(JSON.parse(text) as ClientFrame)
  }

  close(): void {
    this.closedBy ??= 'client'
  }

  open(): void {
    this.onopen?.()
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }

  lose(code: number): void {
    this.closedBy ??= 'server'
    this.onclose?.({ code })
  }
}

/** A clock that only moves when told, and sockets that tests hold in their hands. */
export class FakeWorld implements World {
  time = 1_750_000_000_000
  readonly sockets: FakeSocket[] = []
  private timers: { at: number; fire: () => void }[] = []
  seed = 1

  constructor(private readonly chance: () => number = () => 0.5) {}

  now = (): number => this.time
  random = (): number => this.chance()

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => (this.seed = (this.seed * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16)
  }

  timer(ms: number, fire: () => void): () => void {
    const timer = { at: this.time + ms, fire }
    this.timers.push(timer)
    return () => void (this.timers = this.timers.filter(other => other !== timer))
  }

  socket(url: string): FakeSocket {
    const socket = new FakeSocket(url)
    this.sockets.push(socket)
    return socket
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1)
    if (!socket) throw new Error('no connection was tried')
    return socket
  }

  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      const next = this.timers.filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.timers = this.timers.filter(timer => timer !== next)
      this.time = Math.max(this.time, next.at)
      next.fire()
      await settle()
    }
    this.time = end
    await settle()
  }
}

/** Several tabs of one browser: one shelf, channels, locks. A tab dies without a word. */
export class FakeBrowser {
  readonly entries = new Map<string, string>()
  private readonly channels = new Map<string, Set<{ tab: string; channel: Channel }>>()
  private readonly queues = new Map<string, { tab: string; held: () => Promise<void>; done: () => void }[]>()
  private tabCount = 0

  tab(without: { channel?: boolean; locks?: boolean; shelf?: boolean; haste?: boolean } = {}): Tabs {
    const id = `tab${++this.tabCount}`
    return {
      id,
      shelf: without.shelf ? brokenShelf() : this.shelf(),
      ...(!without.channel && { channel: (name: string) => this.channel(name, id) }),
      ...(!without.locks && { locks: this.locks(id, without.haste) }),
    }
  }

  /** The browser ends a tab: its channels close and its locks pass on. */
  kill(id: string): void {
    for (const members of this.channels.values()) for (const member of members) if (member.tab === id) members.delete(member)
    for (const queue of this.queues.values()) {
      const first = queue[0]
      const left = queue.filter(entry => entry.tab !== id)
      queue.splice(0, queue.length, ...left)
      if (first && first !== left[0]) this.grant(queue)
    }
  }

  private shelf(): Shelf {
    return {
      keys: () => [...this.entries.keys()],
      get: key => this.entries.get(key) ?? null,
      set: (key, value) => void this.entries.set(key, value),
      remove: key => void this.entries.delete(key),
    }
  }

  private channel(name: string, tab: string): Channel {
    const members = this.channels.get(name) ?? new Set()
    this.channels.set(name, members)
    const channel: Channel = {
      onmessage: null,
      postMessage: data => {
        const copy = JSON.stringify(data)
        for (const other of members) if (other.channel !== channel) queueMicrotask(() => members.has(other) && other.channel.onmessage?.({ data: JSON.parse(copy) as unknown }))
      },
      close: () => void members.delete(member),
    }
    const member = { tab, channel }
    members.add(member)
    return channel
  }

  /** A tab's first request may take longer than a message and another tab's request together, as in Chromium. */
  private locks(tab: string, slowly = false): Locks {
    let first = slowly
    return {
      request: async (name, held) => {
        const late = first
        first = false
        if (late) await settle()
        await new Promise(done => {
          const queue = this.queues.get(name) ?? []
          this.queues.set(name, queue)
          queue.push({ tab, held, done: () => done(undefined) })
          if (queue.length === 1) this.grant(queue)
        })
      },
    }
  }

  private grant(queue: { held: () => Promise<void>; done: () => void }[]): void {
    const first = queue[0]
    if (!first) return
    queueMicrotask(() => {
      if (queue[0] !== first) return
      void first.held().then(() => {
        if (queue[0] !== first) return
        queue.shift()
        first.done()
        this.grant(queue)
      })
    })
  }
}

export function brokenShelf(): Shelf {
  const refuse = (): never => {
    throw new Error('storage is blocked')
  }
  return { keys: refuse, get: refuse, set: refuse, remove: refuse }
}

export const alone = (shelf: Shelf = memoryShelf()): Tabs => ({ id: 'tab', shelf })

export const limits = {
  frame_bytes: 262_144, text_code_points: 20_000, message_burst: 150, message_per_second: 5, ping_seconds: 20, backoff_min: 500, backoff_max: 30_000,
}

export const helloFrame = (more: object = {}): ServerFrame =>
  ({ t: 'hello', session: 's1', you: { kind: 'visitor' }, sites: [{ id: '7', name: 'Hillside' }], limits, now: 0, agents_here: 'online', ...more }) as ServerFrame
