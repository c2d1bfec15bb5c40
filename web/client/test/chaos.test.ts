import { describe, expect, it } from 'vitest'
import { type Event, type OutboxItem, VisitorClient } from '../src/index.ts'
import { FakeBrowser, FakeWorld, type FakeSocket, settle } from './fakes.ts'
import { ModelServer } from './server.ts'

/** A chance that is the same for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const options = { url: 'wss://kefu.example/ws/v1/visitor', site: 'KEY', language: 'en', page: { url: 'https://shop.example/' }, program: 'test' }

/** A visitor on a bad network, with a server that forgets nothing and a browser that reloads. */
class Ordeal {
  private readonly random: () => number
  private readonly server = new ModelServer()
  private readonly browser = new FakeBrowser()
  private world: FakeWorld
  private client: VisitorClient
  private tab = ''
  private readonly written: string[] = []
  private late: { socket: FakeSocket; event: Event }[] = []

  constructor(seed: number) {
    this.random = chance(seed)
    this.world = new FakeWorld(this.random)
    this.client = this.open()
  }

  private maybe = (part: number) => this.random() < part

  private open(): VisitorClient {
    const tabs = this.browser.tab()
    this.tab = tabs.id
    const client = new VisitorClient(this.world, tabs, { ...options })
    client.start()
    return client
  }

  async run(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      await this.world.pass(1)
      await this.step(i)
      await settle()
      this.shownRight()
    }
    await this.calm()
  }

  private async step(i: number): Promise<void> {
    const what = this.random()
    if (what < 0.25) this.write(`message ${i}`)
    else if (what < 0.35) this.agentWrites(`answer ${i}`)
    else if (what < 0.42) this.world.last.lose(this.maybe(0.5) ? 1006 : 4000)
    else if (what < 0.46) await this.reload()
    else if (what < 0.6) await this.world.pass(Math.floor(this.random() * 20_000))
    else if (what < 0.7) this.deliverLate()
    this.serve(true)
  }

  private write(text: string): void {
    expect(this.client.send(text)).toBeUndefined()
    this.written.push(text)
  }

  private agentWrites(text: string): void {
    const event = this.server.append(text)
    this.spread(event)
  }

  /** To the live connection: at once, twice, too late, or never. */
  private spread(event: Event, calm = false): void {
    const socket = this.world.last
    if (!this.server.greeted.has(socket)) return
    const how = calm ? 0 : this.random()
    if (how < 0.6) this.server.push(socket, event)
    if (how > 0.5 && how < 0.8) this.late.push({ socket, event })
  }

  private deliverLate(): void {
    for (const { socket, event } of this.late.splice(0)) if (socket === this.world.last) this.server.push(socket, event)
  }

  private serve(bad: boolean): void {
    const socket = this.world.last
    if (socket.sent.length === 0 && !socket.closedBy && this.maybe(bad ? 0.8 : 1)) socket.open()
    for (const frame of this.server.unread(socket)) {
      if (bad && this.maybe(0.1)) continue // lost on the way
      if (frame.t === 'hello') this.server.greet(socket, frame.at)
      else if (frame.t === 'page') socket.say({ t: 'page', r: frame.r, c: 'c1', page: this.server.page(frame, 7) })
      else if (frame.t === 'ping') socket.say({ t: 'pong', now: 0 })
      else if (frame.t === 'send') this.keep(socket, frame, bad)
    }
  }

  private keep(socket: FakeSocket, frame: { t: string; id: string; text: string }, bad: boolean): void {
    if (bad && this.maybe(0.15)) return socket.say({ t: 'error', id: frame.id, code: 'busy', text: '', do: 'retry', retry_after: 50 })
    const before = this.server.events.length
    const event = this.server.keep(frame)
    const ackFirst = this.maybe(0.5)
    const lost = bad && this.maybe(0.3)
    if (ackFirst && !lost) this.server.ack(socket, event)
    if (this.server.events.length > before) this.spread(event, !bad)
    if (!ackFirst && !lost) this.server.ack(socket, event)
  }

  private async reload(): Promise<void> {
    if (this.maybe(0.5)) this.client.rest()
    this.browser.kill(this.tab)
    // The old page is gone with its timers.
    const { time, seed } = this.world
    this.world = new FakeWorld(this.random)
    Object.assign(this.world, { time, seed })
    this.client = this.open()
    await settle()
  }

  /** What the visitor sees at any time: a stretch without a gap, and each text at most once. */
  private shownRight(): void {
    const { events } = this.client.log.get()
    events.forEach((event, i) => expect(event.n).toBe((events[0]?.n ?? 1) + i))
    const inLog = new Set(events.map(event => event.id))
    const waiting = this.client.outbox.get().filter(item => !inLog.has(item.id))
    const mine = [...events.filter(event => event.by.kind === 'visitor'), ...waiting].map(shown => shown.text)
    expect(new Set(mine).size).toBe(mine.length)
  }

  private async calm(): Promise<void> {
    for (let i = 0; i < 200; i++) {
      this.serve(false)
      await settle()
      await this.world.pass(i < 100 ? 1_000 : 15_000)
      const done = this.client.outbox.get().length === 0 && this.client.log.get().events.length >= this.server.events.length
      if (done) break
    }
    const texts = this.server.events.filter(event => event.by.kind === 'visitor').map(event => event.text)
    expect(texts, 'each message once, in the order it was written').toEqual(this.written)
    expect(this.client.outbox.get().map((item: OutboxItem) => item.text)).toEqual([])
    expect(this.client.log.get().events.map(event => event.text)).toEqual(this.server.events.map(event => event.text))
  }
}

describe('a visitor on a bad network', () => {
  it.each(Array.from({ length: 150 }, (_, seed) => seed))('loses and doubles nothing (seed %i)', async seed => {
    await new Ordeal(seed).run(60)
  })
})
