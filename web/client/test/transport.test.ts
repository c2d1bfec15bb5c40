import { describe, expect, it, vi } from 'vitest'
import { AgentClient, VisitorClient, memoryShelf, type Socket } from '../src/index.ts'
import { typingOf } from '../src/typing-sender.ts'
import { StreamLine } from '../src/transport-stream.ts'
import { lines, type Stream } from '../src/transport.ts'
import { FakeDoor, type FakeRequest } from './door.ts'
import { alone, FakeSocket, FakeWorld, helloFrame, settle } from './fakes.ts'

const url = 'wss://kefu.example/ws/v1/visitor'
const secret = 'A'.repeat(42) + 'E'
const c = '0197a1c0-5d00-7000-8000-0000000000c1'
const event = (n: number, text = `text ${n}`) => ({ t: 'event', c, e: { n, tag: n * 7, kind: 'message', v: 1, at: n, by: { kind: 'agent' }, text } })
const none = { received: 0, read: 0 }
const conversation = { c, head: { n: 0, tag: 0 }, round: { number: 1, state: 'waiting' }, unread: 0, mine: none, theirs: none }
const events = (...all: number[]) => all.map(n => event(n).e)

/** A world whose sockets are all lines of streams. */
function streaming(agent = false) {
  const world = new FakeWorld()
  const door = new FakeDoor(world)
  const count = vi.fn()
  const probe = vi.fn(() => Promise.resolve(false))
  const path = agent ? 'agent' : 'visitor'
  world.socket = (() => {
    const line = { onopen: null, onmessage: null, onclose: null } as unknown as Socket
    void settle().then(() => line.onopen && new StreamLine(world, line, { url: `https://kefu.example/stream/v1/${path}`, request: door.request, probe, count }))
    return line
  }) as unknown as FakeWorld['socket']
  return { world, door, count, probe }
}

async function visitor() {
  const all = streaming()
  const options = { url, site: 'key', language: 'en', page: { url: 'https://shop.example/' }, program: 'test' }
  const client = new VisitorClient(all.world, alone(memoryShelf([['secret', secret]])), options)
  client.start()
  await all.door.turn()
  return { ...all, client }
}

const numbers = (client: VisitorClient) => client.log.get().events.map(({ n }) => n)

async function greeted(stream: FakeRequest, door: FakeDoor, more: object = {}) {
  stream.say(helloFrame({ conversation, page: { events: events(1, 2), head: { n: 2, tag: 14 } }, ...more }))
  await door.turn()
}

describe('the choice of a transport', () => {
  function choice() {
    const world = new FakeWorld()
    class EventSocket extends FakeSocket {
      private readonly heard: (() => void)[] = []
      addEventListener(_: string, heard: () => void): void {
        this.heard.push(heard)
      }
      override say(frame: object): void {
        for (const heard of this.heard) heard()
        super.say(frame)
      }
    }
    world.socket = function (this: void, where: string) {
      const socket = new EventSocket(where)
      world.sockets.push(socket)
      return socket
    }
    const began: { line: Socket; count: (blocked: number) => void }[] = []
    const stream: Stream = (line, _, __, count) => void began.push({ line, count })
    const load = vi.fn(() => Promise.resolve({ stream }))
    return { world, began, load, open: lines(world, load) }
  }

  it('falls back when two WebSockets said nothing', async () => {
    const { world, began, open, load } = choice()
    open(url, 'kefu.1')
    open(url, 'kefu.1')
    expect(load).not.toHaveBeenCalled()
    open(url, 'kefu.1')
    await settle()
    expect([world.sockets.length, began.length]).toEqual([2, 1])
  })

  it('stays with WebSockets that speak, however often they are lost', async () => {
    const { world, load, open } = choice()
    for (let i = 0; i < 5; i++) {
      open(url, 'kefu.1')
      open(url, 'kefu.1')
      world.last.say({ t: 'hello' })
      await world.pass(10_000)
    }
    expect(load).not.toHaveBeenCalled()
  })

  it('gives a WebSocket up that opens and says nothing for 4 s', async () => {
    const { world, began, open } = choice()
    open(url, 'kefu.1')
    await world.pass(3_900)
    expect(world.last.closedBy).toBeUndefined()
    await world.pass(200)
    expect(world.last.closedBy).toBe('client')
    open(url, 'kefu.1')
    await settle()
    expect(began.length).toBe(1)
  })

  it('keeps to streams that speak, until they say that WebSocket is free', async () => {
    const { world, began, open } = choice()
    for (let i = 0; i < 3; i++) open(url, 'kefu.1')
    await settle()
    began[0]?.count(2)
    open(url, 'kefu.1')
    await settle()
    expect([world.sockets.length, began.length]).toEqual([2, 2])
    began[1]?.count(0)
    open(url, 'kefu.1')
    expect(world.sockets.length).toBe(3)
  })

  it('tries WebSocket again when a stream does not speak, and is patient with the second', async () => {
    const { world, open } = choice()
    for (let i = 0; i < 5; i++) open(url, 'kefu.1')
    await world.pass(9_000)
    expect([world.sockets.length, world.last.closedBy]).toEqual([4, undefined])
  })

  it('tries WebSocket again when the code of streams cannot be loaded', async () => {
    const { world, load, open } = choice()
    load.mockRejectedValue(new Error('blocked, too'))
    for (let i = 0; i < 3; i++) open(url, 'kefu.1')
    await settle()
    open(url, 'kefu.1')
    expect(world.sockets.length).toBe(3)
  })
})

describe('a line of streams', () => {
  it('says hello with its secret in the header, and none in the address', async () => {
    const { door } = await visitor()
    expect(door.stream.url).toBe('https://kefu.example/stream/v1/visitor')
    expect(door.stream.headers).toMatchObject({ Authorization: `Bearer ${secret}`, 'Kefu-Site': 'key' })
    expect(door.stream.frames).toMatchObject([{ t: 'hello', site: 'key', secret }])
  })

  it('begins the next stream where the last one ended', async () => {
    const { door, client } = await visitor()
    const first = door.stream
    await greeted(first, door)
    first.say(event(3))
    first.end(1000)
    await door.turn()
    const next = door.stream
    expect(next.frames).toMatchObject([{ t: 'hello', at: { n: 3, tag: 21 } }])
    expect(next.headers['Kefu-Stream']).toBe(first.headers['Kefu-Stream'])
    await greeted(next, door, { page: { events: events(4), head: { n: 4, tag: 28 } } })
    next.say(event(4), event(5))
    await door.turn()
    expect(numbers(client)).toEqual([1, 2, 3, 4, 5])
    expect(client.connection.get().phase).toBe('open')
  })

  it('does not go beyond a gap', async () => {
    const { door } = await visitor()
    await greeted(door.stream, door)
    door.stream.say(event(5))
    door.stream.end(1000)
    await door.turn()
    expect(door.stream.frames).toMatchObject([{ at: { n: 2, tag: 14 } }])
  })

  it('polls when no hello comes within 3 s, and waits for news then', async () => {
    const { door, client } = await visitor()
    const held = door.stream
    await door.turn(3_000)
    expect(held.done).toBe(true)
    const poll = door.stream
    expect(poll.headers['Kefu-Poll']).toBe('0')
    poll.say(helloFrame({ conversation, page: { events: events(1), head: { n: 1, tag: 7 } } }))
    poll.end(1000, 'as it was')
    await door.turn(250)
    expect(client.connection.get().phase).toBe('open')
    expect(door.stream.headers['Kefu-Poll']).toBe('as it was')
    await door.turn(20_000)
    expect(door.stream.done).toBe(false)
  })

  it('sends a message in a request of its own, and again if that fails, with the same id', async () => {
    const { door, client } = await visitor()
    await greeted(door.stream, door)
    client.send('Hello')
    await door.turn()
    const [first] = door.up.frames
    door.up.break()
    await door.turn(1_000)
    expect(door.up.frames).toEqual([first])
    door.up.reply(503, {}, { 'Retry-After': '2' })
    await door.turn(1_900)
    expect(() => door.up).toThrow()
    await door.turn(200)
    const id = first && 'id' in first ? first.id : ''
    door.up.reply(200, { t: 'ack', id, c, n: 3, tag: 21, at: 3 })
    await door.turn()
    expect(client.outbox.get()).toMatchObject([{ id, state: 'sent', n: 3 }])
  })

  it('sends one frame after the other', async () => {
    const { door, client } = await visitor()
    await greeted(door.stream, door)
    client.send('One')
    typingOf(client).key()
    await door.turn()
    expect(door.requests.filter(({ up, done }) => up && !done).length).toBe(1)
  })

  it('marks as failed what is too big to pass', async () => {
    const { door, client } = await visitor()
    await greeted(door.stream, door)
    client.send('Hello')
    await door.turn()
    door.up.reply(413, {})
    await door.turn()
    expect(client.outbox.get()).toMatchObject([{ state: 'failed', code: 'too_big' }])
  })

  it('begins anew when a newcomer has become a visitor', async () => {
    const { door, client } = await visitor()
    door.stream.say(helloFrame())
    await door.turn()
    const first = door.stream
    client.send('Hello')
    await door.turn()
    const [sent] = door.up.frames
    door.up.reply(200, { t: 'ack', id: sent && 'id' in sent ? sent.id : '', c, n: 1, tag: 7, at: 1 })
    await door.turn(100)
    expect(first.done).toBe(true)
    expect(door.stream).not.toBe(first)
  })

  it('moves when the server says so', async () => {
    const { door, client } = await visitor()
    const first = door.stream
    await greeted(first, door)
    first.say({ t: 'move', within: 15_000 })
    await door.turn(100)
    expect(first.done).toBe(true)
    expect(door.stream.frames).toMatchObject([{ t: 'hello', at: { n: 2 } }])
    expect(client.connection.get().phase).toBe('open')
  })

  it.each([[4000, 'waiting'], [4004, 'waiting'], [4500, 'stopped'], [4502, 'stopped']])('passes the close code %i on: %s', async (code, phase) => {
    const { door, client } = await visitor()
    await greeted(door.stream, door)
    door.stream.end(code)
    await door.turn()
    expect(client.connection.get()).toMatchObject({ phase, closed: code })
  })

  it('comes back by itself to a server that restarts', async () => {
    const { door, client } = await visitor()
    await greeted(door.stream, door)
    door.stream.end(1012)
    await door.turn(2_000)
    expect(door.stream.frames).toMatchObject([{ t: 'hello', at: { n: 2 } }])
    expect(client.connection.get().phase).toBe('open')
  })

  it('is lost when its requests fail one after the other, or the first one is refused', async () => {
    const { door, client, count } = await visitor()
    expect(count).not.toHaveBeenCalled()
    await greeted(door.stream, door)
    for (let i = 0; i < 4; i++) {
      door.stream.break()
      await door.turn(i < 3 ? 1_900 : 0)
    }
    expect(client.connection.get().phase).toBe('waiting')
    expect(count.mock.calls).toEqual([[2]])
    await door.turn(1_000)
    expect(client.connection.get().phase).toBe('connecting')
    door.stream.reply(403, {})
    await door.turn()
    expect(client.connection.get().phase).toBe('waiting')
    expect(count.mock.calls).toEqual([[2]])
  })

  it('finds out that a stream is silent', async () => {
    const { door } = await visitor()
    const first = door.stream
    await greeted(first, door)
    await door.turn(39_000)
    expect(first.done).toBe(false)
    await door.turn(2_500)
    expect(first.done).toBe(true)
  })

  it('returns to WebSocket when one gets through', async () => {
    const { door, client, count, probe } = await visitor()
    await greeted(door.stream, door)
    await door.turn(7_000)
    expect(probe).toHaveBeenCalledOnce()
    expect(count).toHaveBeenLastCalledWith(2)
    probe.mockResolvedValue(true)
    await door.turn(30_000)
    door.stream.say({})
    for (let i = 0; i < 14; i++) {
      door.stream.say({})
      for (const up of door.requests.filter(request => request.up && !request.done)) up.reply(200, { t: 'pong', now: 1 })
      await door.turn(30_000)
      if (count.mock.lastCall?.[0] === 0) break
    }
    expect(count).toHaveBeenLastCalledWith(0)
    expect(client.connection.get().phase).not.toBe('stopped')
  })

  it('says nothing after it was put away', async () => {
    const { door, client, world } = await visitor()
    await greeted(door.stream, door)
    client.rest()
    const before = door.requests.length
    await door.turn(600_000)
    expect(door.requests.filter(({ done }) => !done)).toEqual([])
    expect(door.requests.length).toBe(before)
    expect(world.sockets.length).toBe(0)
  })
})

describe('an agent over streams', () => {
  const hello = { ...helloFrame(), you: { kind: 'agent', id: '1', name: 'Ada' }, agents: [] }
  const row = { c, v: 2, site: '1', visitor: { key: 'k', site: '1', presence: 'online' }, round: conversation.round, last_at: 1, unread: 0 }
  const told = { t: 'conversation', row, conversation, visitor: row.visitor, rounds: [], looking: [] }
  const counts = { waiting: 0, mine: 0, open: 0, visitors: 0 }

  /** An agent with a conversation open, of which its second stream has told. */
  async function looking() {
    const { world, door } = streaming(true)
    const agent = new AgentClient(world, alone(), { url: 'wss://kefu.example/ws/v1/agent', agent: '1', program: 'test' })
    agent.watch('waiting')
    const copy = agent.open(c)
    agent.start()
    await door.turn()
    door.stream.say(hello)
    await door.turn(50)
    const [, list, open] = door.stream.frames as unknown as { t: string; r: number }[]
    expect([list?.t, open?.t]).toEqual(['list', 'open'])
    door.stream.say(hello, { t: 'list', r: list?.r, view: 'waiting', rows: [], counts })
    door.stream.say({ ...told, r: open?.r, page: { events: events(1, 2), head: { n: 2, tag: 14 } } })
    await door.turn()
    door.stream.end(1000)
    await door.turn()
    return { door, agent, copy, list, open }
  }

  it('asks for everything anew with each stream, and takes the answers', async () => {
    const { door, agent, copy, list, open } = await looking()
    expect(door.stream.frames).toMatchObject([{ t: 'hello' }, { t: 'list', view: 'waiting' }, { t: 'open', c, at: { n: 2, tag: 14 } }])
    door.stream.say({ ...hello, agents: [{ id: '2', name: 'Ben', presence: 'online', sites: ['1'] }] })
    door.stream.say({ t: 'list', r: list?.r, view: 'waiting', rows: [row], counts: { ...counts, waiting: 1 } })
    door.stream.say({ ...told, r: open?.r, looking: [{ id: '2', name: 'Ben' }], page: { events: events(3), head: { n: 3, tag: 21 } } })
    await door.turn(100)
    expect(agent.list('waiting').get().rows).toMatchObject([{ c }])
    expect(agent.counts.get().waiting).toBe(1)
    expect(copy.log.get().events.map(({ n }) => n)).toEqual([1, 2, 3])
    expect(copy.state.get().looking).toMatchObject([{ id: '2' }])
    expect(agent.agents.get()).toMatchObject([{ id: '2' }])
    expect(door.requests.filter(({ done, up }) => !done && !up).length).toBe(1)
    agent.close(c)
    await door.turn(100)
    expect(door.stream.frames).toMatchObject([{ t: 'hello' }, { t: 'list' }])
    expect(door.stream.frames.length).toBe(2)
  })

  it('begins the stream anew when it could not be told of a conversation', async () => {
    const { door, copy, open } = await looking()
    const deaf = door.stream
    deaf.say(hello, { t: 'error', r: open?.r, code: 'unavailable', text: 'The database is away.', do: 'retry', retry_after: 2_000 })
    await door.turn(1_900)
    expect(deaf.done).toBe(false)
    await door.turn(200)
    expect(deaf.done).toBe(true)
    door.stream.say(hello, { ...told, r: open?.r, page: { events: events(3), head: { n: 3, tag: 21 } } })
    await door.turn()
    expect(copy.log.get().events.map(({ n }) => n)).toEqual([1, 2, 3])
  })
})
