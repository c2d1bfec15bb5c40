import { describe, expect, it } from 'vitest'
import { VisitorClient, type VisitorOptions } from '../src/index.ts'
import { byteLength } from '../src/text.ts'
import { typingOf } from '../src/typing-sender.ts'
import { FakeBrowser, FakeWorld, brokenShelf, helloFrame, settle } from './fakes.ts'
import { ModelServer } from './server.ts'

const options: VisitorOptions = { url: 'wss://kefu.example/ws/v1/visitor', site: 'KEY', language: 'en', page: { url: 'https://shop.example/' }, program: 'test' }

function visitor(browser = new FakeBrowser(), without = {}) {
  const world = new FakeWorld()
  world.seed = Math.floor(Math.random() * 1e9)
  const tabs = browser.tab(without)
  const client = new VisitorClient(world, tabs, { ...options })
  client.start()
  const greet = (more = {}) => {
    world.last.open()
    world.last.say(helloFrame(more))
  }
  const secret = () => {
    const hello = world.last.sent[0]
    return hello?.t === 'hello' ? hello.secret : undefined
  }
  return { world, client, browser, tabs, greet, secret }
}

describe('a visitor', () => {
  it('leaves nothing in the browser before the first message', async () => {
    const { client, browser, greet, world } = visitor()
    greet()
    typingOf(client).key()
    client.says({ name: 'Hannah' })
    client.page({ url: 'https://shop.example/cart' })
    client.read()
    await world.pass(60_000)
    client.rest()
    expect([...browser.entries]).toEqual([])
    expect(client.exists).toBe(false)
  })

  it('keeps its secret with the first message, and comes back as the same', async () => {
    const { client, browser, greet, secret, tabs } = visitor()
    greet()
    client.send('Hello')
    expect(browser.entries.get('secret')).toBe(secret())
    expect(secret()).toMatch(/^[\w-]{43}$/)
    browser.kill(tabs.id)
    const again = visitor(browser)
    await settle()
    again.greet()
    expect(again.secret()).toBe(secret())
    expect(again.world.last.sent.at(-1)).toMatchObject({ t: 'send', text: 'Hello' })
  })

  it('is one visitor in two tabs, also when the other writes first', async () => {
    const browser = new FakeBrowser()
    const [a, b] = [visitor(browser), visitor(browser)]
    a.greet()
    b.greet()
    a.client.send('one')
    await settle()
    expect(b.world.sockets.length).toBe(2)
    b.greet()
    expect(b.secret()).toBe(a.secret())
    b.client.send('two')
    expect(b.world.last.sent.at(-1)).toMatchObject({ t: 'send', text: 'two' })
  })

  it('takes the secret that another tab has kept, where tabs cannot talk', () => {
    const browser = new FakeBrowser()
    const [a, b] = [visitor(browser, { channel: true }), visitor(browser, { channel: true })]
    a.greet()
    b.greet()
    a.client.send('one')
    b.client.send('two')
    b.greet()
    expect(b.secret()).toBe(a.secret())
    expect(b.world.last.sent.at(-1)).toMatchObject({ t: 'send', text: 'two' })
  })

  it('chats where every storage access throws', () => {
    const world = new FakeWorld()
    const client = new VisitorClient(world, { id: 'tab', shelf: brokenShelf() }, { ...options })
    client.start()
    world.last.open()
    world.last.say(helloFrame())
    expect(client.send('Hello')).toBeUndefined()
    expect(world.last.sent.at(-1)).toMatchObject({ t: 'send', text: 'Hello' })
  })

  it('refuses what is blank or too long, in code points', () => {
    const { client, greet } = visitor()
    greet()
    for (const blank of ['', ' \n\t', '\u200b\ufeff', '\u3000\u2800']) expect(client.send(blank)).toBe('blank')
    expect(client.send('😀'.repeat(20_000))).toBeUndefined()
    expect(client.send('😀'.repeat(20_001))).toBe('too_long')
  })

  it('sends only what the wire can carry', () => {
    const { client, greet, world } = visitor()
    greet()
    expect(client.send('\0 \0')).toBe('blank')
    client.send('a\0b\ud83d \\u0000 \\\\ud83d "😀"')
    expect(world.last.sent.at(-1)).toMatchObject({ text: 'a\ufffdb\ufffd \\u0000 \\\\ud83d "😀"' })
    client.page({ url: 'https://shop.example/2', title: 'half \ude00' })
    expect(world.last.sent.at(-1)).toMatchObject({ page: { title: 'half \ufffd' } })
    client.says({ name: '\ud83d\0', fields: { 'k\ud83d': 'v\0' } })
    expect(world.last.sent.at(-1)).toMatchObject({ says: { name: '\ufffd\ufffd', fields: { 'k\ufffd': 'v\ufffd' } } })
  })

  it('says hello in 4,096 bytes, and then what did not fit', async () => {
    const long = (most: number) => '长'.repeat(most)
    const page = { url: `https://shop.example/${long(1_979)}`, title: long(300), referrer: `https://shop.example/${long(1_979)}` }
    const says = { name: long(100), email: 'x'.repeat(200), fields: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}`.padEnd(64, '长'), long(200)])) }
    const world = new FakeWorld()
    const client = new VisitorClient(world, new FakeBrowser().tab(), { ...options, site: 'K'.repeat(64), language: 'x'.repeat(35), page })
    client.says(says)
    client.start()
    for (const connection of ['first', 'next']) {
      world.last.open()
      const [hello] = world.last.sent
      expect(hello, connection).toMatchObject({ t: 'hello', site: 'K'.repeat(64), client: 'test' })
      expect(byteLength(JSON.stringify(hello)), connection).toBeLessThan(4_096)
      world.last.say(helloFrame({ continues: 'C'.repeat(64) }))
      await world.pass(1_200)
      const rest = world.last.sent.slice(1)
      expect(rest.map(frame => frame.t), connection).toEqual(['presence', 'says'])
      expect(rest).toEqual([{ t: 'presence', presence: 'online', page }, { t: 'says', says }])
      // A transport may bring the hello again on the same line: that is no reason to say it again.
      world.last.say(helloFrame({ continues: 'C'.repeat(64) }))
      await world.pass(3_000)
      expect(world.last.sent.length, connection).toBe(3)
      world.last.lose(1006)
      await world.pass(2_000)
    }
  })

  it('says in hello all that fits', () => {
    const { client, world } = visitor()
    client.says({ name: 'Hannah' })
    world.last.open()
    expect(world.last.sent).toMatchObject([{ t: 'hello', page: { url: 'https://shop.example/' }, says: { name: 'Hannah' } }])
  })

  it('tells what the page says at most once a second, the last word last', async () => {
    const { client, greet, world } = visitor()
    greet()
    const told = () => world.last.sent.filter(frame => frame.t === 'says')
    for (const name of ['a', 'b', 'c']) client.says({ name })
    expect(told()).toMatchObject([{ says: { name: 'a' } }])
    await world.pass(1_000)
    expect(told().length).toBe(1)
    await world.pass(1_000)
    expect(told()).toMatchObject([{ says: { name: 'a' } }, { says: { name: 'c' } }])
    await world.pass(5_000)
    expect(told().length).toBe(2)
    client.says({ name: 'd' })
    expect(told().length).toBe(3)
  })

  it('repeats what the page says if another tab was quicker', async () => {
    const { client, greet, world } = visitor()
    greet()
    const early = () => world.last.say({ t: 'error', code: 'rate_limited', do: 'retry', text: 'at most once a second' })
    early() // of something else: this page has said nothing, and that must not stand for what another said
    await world.pass(5_000)
    client.says({ name: 'a' })
    early()
    await world.pass(5_000)
    expect(world.last.sent.filter(frame => frame.t === 'says')).toMatchObject([{ says: { name: 'a' } }, { says: { name: 'a' } }])
  })

  it('keeps the newest 20 fields that the page says', () => {
    const { client, world } = visitor()
    const fields = (from: number) => Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${from + i}`, 'v']))
    client.says({ fields: fields(0) })
    client.says({ fields: fields(12) })
    world.last.open()
    const [hello] = world.last.sent
    expect(hello?.t === 'hello' && Object.keys(hello.says?.fields ?? {})).toEqual(Array.from({ length: 20 }, (_, i) => `k${i + 4}`))
  })

  it('counts the unread, and tells that it has read at most once a second', async () => {
    const { client, greet, world } = visitor()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    const none = { received: 0, read: 0 }
    greet({ conversation: { c: 'c1', head: server.head(), round: { number: 1, state: 'waiting' }, unread: 0, mine: none, theirs: none }, page: server.page({ before: 0 }) })
    const marks = () => world.last.sent.filter(frame => frame.t === 'mark')
    const arrived: unknown[] = []
    client.arrived(event => arrived.push(event.text))
    for (let i = 0; i < 20; i++) {
      server.push(world.last, server.append(`answer ${i}`))
      server.push(world.last, server.events.at(-1) ?? server.append(''))
      await world.pass(100)
    }
    expect(client.state.get().unread).toBe(20)
    expect(arrived.length).toBe(20)
    expect(marks().length).toBeLessThanOrEqual(3)
    client.read()
    await world.pass(1_000)
    expect(client.state.get().unread).toBe(0)
    expect(marks().at(-1)).toEqual({ t: 'mark', received: 21, read: 21 })
    const told = marks().length
    client.read()
    await world.pass(5_000)
    expect(marks().length).toBe(told)
  })

  it('says that it types every four seconds, and that it stopped after six', async () => {
    const { client, greet, world } = visitor()
    greet()
    const said = () => world.last.sent.filter(frame => frame.t === 'typing').map(frame => frame.on)
    for (let i = 0; i < 10; i++) {
      typingOf(client).key()
      await world.pass(1_000)
    }
    expect(said()).toEqual([true, true, true])
    await world.pass(6_000)
    expect(said()).toEqual([true, true, true, false])
    typingOf(client).key()
    client.send('done')
    expect(said().at(-1)).toBe(false)
  })

  it('shows who types for six seconds, or until the message comes', async () => {
    const { client, greet, world } = visitor()
    greet()
    const who = { kind: 'agent', id: '1', name: 'Lin' }
    world.last.say({ t: 'typing', c: 'c1', who, on: true })
    expect(client.typists.get().length).toBe(1)
    await world.pass(6_000)
    expect(client.typists.get()).toEqual([])
    world.last.say({ t: 'typing', c: 'c1', who, on: true })
    world.last.lose(1006)
    expect(client.typists.get()).toEqual([])
  })

  it('asks for what an ack proves to be there, when its event does not come', async () => {
    const { client, greet, world } = visitor()
    greet()
    const server = new ModelServer()
    client.send('Hello')
    const send = world.last.sent.find(frame => frame.t === 'send')
    if (send?.t !== 'send') throw new Error('nothing was sent')
    server.ack(world.last, server.keep(send))
    await world.pass(2_000)
    const page = world.last.sent.find(frame => frame.t === 'page')
    expect(page).toMatchObject({ t: 'page', before: 0 })
    world.last.say({ t: 'page', r: page?.t === 'page' ? page.r : 0, c: 'c1', page: server.page({ before: 0 }) })
    await settle()
    expect(client.outbox.get()).toEqual([])
    expect(client.log.get().events.map(({ text }) => text)).toEqual(['Hello'])
  })

  it('tells what was read when it is put away at once', () => {
    const { client, greet, world } = visitor()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    greet()
    server.greet(world.last, undefined)
    client.read()
    client.rest()
    expect(world.sockets[0]?.sent.filter(frame => frame.t === 'mark')).toEqual([{ t: 'mark', received: 1, read: 1 }])
  })

  it('says away when it is put away, and comes back at the place where it was', async () => {
    const { client, greet, world } = visitor()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    greet()
    server.greet(world.last, undefined)
    client.rest()
    expect(world.sockets[0]?.sent.at(-1)).toEqual({ t: 'presence', presence: 'away' })
    expect(world.sockets[0]?.closedBy).toBe('client')
    await world.pass(3_600_000)
    expect(world.sockets.length).toBe(1)
    client.start()
    world.last.open()
    expect(world.last.sent[0]).toMatchObject({ t: 'hello', at: server.head() })
  })
})
