/** One connection per person: of several tabs one is connected, and the others wait for a person. */
import { describe, expect, it } from 'vitest'
import { AgentClient, VisitorClient } from '../src/index.ts'
import { FakeBrowser, FakeWorld, settle } from './fakes.ts'
import { ModelServer } from './server.ts'

const elsewhere = 4502
const makers = {
  visitor: (world: FakeWorld, tabs: ReturnType<FakeBrowser['tab']>) => {
    const client = new VisitorClient(world, tabs, { url: 'wss://kefu.example/', site: 'KEY', language: 'en', page: { url: 'https://shop.example/' }, program: 'test' })
    return { client, write: (text: string) => client.send(text) }
  },
  agent: (world: FakeWorld, tabs: ReturnType<FakeBrowser['tab']>) => {
    const client = new AgentClient(world, tabs, { url: 'wss://kefu.example/', agent: '1', program: 'test' })
    return { client, write: (text: string) => client.send('c1', text) }
  },
}
type Who = keyof typeof makers
type Without = Parameters<FakeBrowser['tab']>[0]

class Tab {
  readonly world = new FakeWorld()
  readonly id: string
  readonly client: VisitorClient | AgentClient
  readonly write: (text: string) => void

  constructor(browser: FakeBrowser, who: Who, without: Without, nth: number) {
    const tabs = browser.tab(without)
    this.id = tabs.id
    Object.assign(this.world, { seed: nth * 7919, time: this.world.time + nth })
    const { client, write } = makers[who](this.world, tabs)
    this.client = client
    this.write = text => expect(write(text)).toBeUndefined()
    client.start()
  }

  shown = () => this.client.outbox.get().map(({ text, state }) => [text, state])
  phase = () => this.client.connection.get().phase
}

/** A person's tabs in one browser, and a server that is connected to the last one that came. */
class Person {
  readonly server = new ModelServer()
  readonly browser = new FakeBrowser()
  readonly tabs: Tab[] = []
  up = true
  /** The server takes messages, and answers them. */
  takes = true
  private made = 0

  constructor(
    readonly who: Who = 'visitor',
    private readonly without: Without = { haste: true },
  ) {}

  async tab(): Promise<Tab> {
    const tab = new Tab(this.browser, this.who, this.without, ++this.made)
    this.tabs.push(tab)
    await this.serve()
    return tab
  }

  /** Ends a tab as a crash does. */
  async kill(tab: Tab): Promise<void> {
    this.browser.kill(tab.id)
    this.tabs.splice(this.tabs.indexOf(tab), 1)
    await this.serve()
  }

  async away(): Promise<void> {
    this.up = false
    await this.serve()
  }

  async back(): Promise<void> {
    this.up = true
    await this.serve(60_000)
  }

  async use(tab: Tab): Promise<void> {
    tab.client.retry()
    await this.serve()
  }

  texts = () => this.server.events.map(({ text }) => text)

  async serve(ms = 10): Promise<void> {
    const turns = Math.max(8, ms / 1_000)
    for (let i = 0; i < turns; i++) {
      for (const tab of [...this.tabs]) {
        this.answer(tab)
        await settle()
        await tab.world.pass(ms / turns)
      }
    }
  }

  private answer(tab: Tab): void {
    const socket = tab.world.last
    if (socket.closedBy) return
    if (!this.up) return socket.lose(1006)
    if (socket.sent.length === 0) socket.open()
    for (const frame of this.server.unread(socket)) {
      if (frame.t === 'hello') {
        for (const other of this.tabs) if (other !== tab && this.server.greeted.has(other.world.last) && !other.world.last.closedBy) other.world.last.lose(elsewhere)
        this.server.greet(socket, 'at' in frame ? frame.at : undefined)
      } else if (frame.t === 'page') socket.say({ t: 'page', r: frame.r, c: 'c1', page: this.server.page(frame) })
      else if (frame.t === 'ping') socket.say({ t: 'pong', now: 0 })
      else if (frame.t === 'send' && this.takes) {
        const before = this.server.events.length
        const event = this.server.keep(frame)
        // Whichever is first, in turns.
        if (event.n % 2) this.server.ack(socket, event)
        if (this.server.events.length > before) this.server.push(socket, event)
        if (event.n % 2 === 0) this.server.ack(socket, event)
      }
    }
  }
}

/** Three tabs of one person who has written before: the last is connected. */
async function three(who?: Who, without?: Without) {
  const person = new Person(who, without)
  const [one, two] = [await person.tab(), await person.tab()]
  one.client.retry()
  await person.serve()
  one.write('Before')
  await person.serve()
  const active = await person.tab()
  expect([one.phase(), two.phase(), active.phase()]).toEqual(['stopped', 'stopped', 'open'])
  return { person, one, two, active }
}

describe.for(['visitor', 'agent'] as const)('a %s with a connected tab and two that are paused', who => {
  it('sends what was written while the server was away from the tab that it was written in', async () => {
    const { person, one, two, active } = await three(who)
    await person.away()
    active.write('While you were away')
    await person.serve()
    for (const tab of [one, two, active]) expect(tab.shown()).toEqual([['While you were away', 'waiting']])
    await person.back()
    active.write('After')
    await person.serve()
    expect(person.texts()).toEqual(['Before', 'While you were away', 'After'])
    expect(person.server.received.length).toBe(3)
    for (const tab of [one, two, active]) expect(tab.shown()).toEqual([])
  })

  it('sends what is written in a paused tab by the connected one, and keeps it in sight', async () => {
    const { person, one, active } = await three(who)
    one.write('Written here')
    await person.serve()
    expect(person.texts()).toEqual(['Before', 'Written here'])
    expect(one.shown()).toEqual([['Written here', 'sent']])
    expect(active.shown()).toEqual([])
    expect(person.server.received.length).toBe(2)
  })

  it('hands over what was under way when a tab was paused', async () => {
    const { person, two, active } = await three(who)
    person.takes = false
    active.write('Under way')
    await person.serve()
    expect(active.shown()).toEqual([['Under way', 'sending']])
    person.takes = true
    await person.use(two)
    expect(active.phase()).toBe('stopped')
    expect(person.texts()).toEqual(['Before', 'Under way'])
    expect(active.shown()).toEqual([['Under way', 'sent']])
  })

  it.each(['crashes', 'is closed'])('sends what a connected tab that %s left, when another is used', async how => {
    const { person, one, two, active } = await three(who)
    person.takes = false
    active.write('Left behind')
    await person.serve()
    person.takes = true
    if (how === 'is closed') active.client.rest()
    await person.kill(active)
    for (const tab of [one, two]) expect(tab.shown()).toMatchObject([['Left behind', expect.anything()]])
    expect(person.texts()).toEqual(['Before'])
    await person.use(two)
    expect(person.texts()).toEqual(['Before', 'Left behind'])
    for (const tab of [one, two]) expect(tab.shown()).toEqual([])
  })

  it('sends what the connected tab had when it is loaded again', async () => {
    const { person, active } = await three(who)
    await person.away()
    active.write('Unsent')
    active.client.rest()
    await person.kill(active)
    const again = await person.tab()
    expect(again.shown()).toEqual([['Unsent', 'waiting']])
    await person.back()
    expect(person.texts()).toEqual(['Before', 'Unsent'])
    expect(again.shown()).toEqual([])
  })

  it('keeps what is written while none is connected, over the end of its tab, too', async () => {
    const { person, one, two, active } = await three(who)
    await person.kill(active)
    one.write('One')
    two.write('Two')
    await person.serve()
    expect(two.shown().map(([text]) => text).sort()).toEqual(['One', 'Two'])
    await person.kill(one)
    expect(person.texts()).toEqual(['Before'])
    await person.use(two)
    expect(person.texts().sort()).toEqual(['Before', 'One', 'Two'])
    expect(person.server.received.length).toBe(3)
    expect(two.shown()).toEqual([])
    expect([...person.browser.entries.keys()].filter(key => key.startsWith('outbox'))).toEqual([])
  })
})

describe('a visitor’s tabs', () => {
  it('show a message that another sent in its place, when they take over', async () => {
    const { person, one } = await three()
    one.write('Written here')
    await person.serve()
    await person.use(one)
    const client = one.client as VisitorClient
    expect(client.log.get().events.map(({ text }) => text)).toEqual(['Before', 'Written here'])
    expect(one.shown()).toEqual([])
  })

  it.each([{ locks: true }, { channel: true }, { shelf: true }, { locks: true, channel: true }])('lose and double nothing without %o', async without => {
    const person = new Person('visitor', without)
    const one = await person.tab()
    one.write('Before')
    await person.serve()
    const active = await person.tab()
    // Without a shelf each tab is a visitor of its own, until it hears from the other.
    await person.away()
    one.write('Here')
    active.write('There')
    await person.back()
    await person.use(one)
    await person.use(active)
    expect(person.texts().sort()).toEqual(['Before', 'Here', 'There'])
  })

  it('leave a message to the tab that it was written in, however late that gets its lock', async () => {
    const browser = new FakeBrowser()
    const server = new ModelServer()
    const open = (nth: number) => {
      const tab = new Tab(browser, 'agent', { haste: true }, nth)
      tab.world.last.open()
      server.greet(tab.world.last, undefined)
      const sent = () => tab.world.last.sent.flatMap(frame => (frame.t === 'send' ? [frame] : []))
      return { ...tab, sent }
    }
    const b = open(2)
    b.write('Warm')
    for (const frame of b.sent()) server.ack(b.world.last, server.keep(frame))
    await settle()
    const a = open(1)
    a.world.last.lose(1006)
    a.write('Mine')
    for (let i = 0; i < 4; i++) await settle()
    expect(b.shown()).toEqual([['Mine', 'waiting']])
    expect(b.sent().map(({ text }) => text)).toEqual(['Warm'])
    browser.kill(a.id)
    await settle()
    expect(b.sent().map(({ text }) => text)).toEqual(['Warm', 'Mine'])
  })
})

describe('a person with many tabs and a server that comes and goes', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))('loses and doubles nothing (seed %i)', async seed => {
    const person = new Person(seed % 2 ? 'visitor' : 'agent')
    let state = seed * 2_654_435_761
    const chance = (most: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % 65_521 % most
    const any = () => person.tabs[chance(person.tabs.length)]
    const written = ['First']
    const first = await person.tab()
    first.write('First')
    await person.serve()
    await person.tab()
    for (let i = 0; i < 25; i++) {
      const what = chance(8)
      if (what < 3) {
        written.push(`text ${i}`)
        any()?.write(`text ${i}`)
      } else if (what === 3) any()?.client.retry()
      else if (what === 4) person.takes = !person.takes
      else if (what === 5) person.up = !person.up
      else if (what === 6 && person.tabs.length < 4) await person.tab()
      else {
        const tab = any()
        if (tab && chance(2)) tab.client.rest()
        if (tab) await person.kill(tab)
        if (person.tabs.length === 0) await person.tab()
      }
      if (chance(3)) await person.serve()
    }
    person.takes = true
    await person.back()
    const last = person.tabs.find(tab => tab.phase() === 'open') ?? person.tabs[0]
    if (last?.phase() === 'stopped') await person.use(last)
    await person.serve(20_000)
    expect(last?.phase()).toBe('open')
    expect(person.texts().sort()).toEqual(written.sort())
    expect(last?.shown()).toEqual([])
    for (const tab of person.tabs) expect(tab.shown().filter(([, state]) => state !== 'sent')).toEqual([])
  })
})
