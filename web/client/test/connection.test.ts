import { describe, expect, it } from 'vitest'
import { attemptLimit, Connection, pongLimit } from '../src/connection.ts'
import { type ServerFrame } from '../src/wire.ts'
import { FakeWorld, helloFrame, limits, settle } from './fakes.ts'

function connection(chance?: () => number, mayEnter?: () => Promise<boolean>) {
  const world = new FakeWorld(chance)
  const frames: ServerFrame[] = []
  const lost: number[] = []
  const live = new Connection(world, {
    url: 'wss://kefu.example/ws/v1/visitor', hello: () => ({ t: 'hello' }), frame: frame => frames.push(frame), lost: code => lost.push(code),
    ...(mayEnter && { mayEnter }),
  })
  const open = () => {
    world.last.open()
    world.last.say(helloFrame())
  }
  live.start()
  return { world, live, frames, lost, open, phase: () => live.state.get().phase }
}

describe('a connection', () => {
  it('says hello first, and is open when the server answers', () => {
    const { world, open, phase } = connection()
    expect(phase()).toBe('connecting')
    open()
    expect(world.last.sent).toEqual([{ t: 'hello' }])
    expect(phase()).toBe('open')
  })

  it('gives an attempt up that takes too long', async () => {
    const { world, phase } = connection()
    world.last.open()
    await world.pass(attemptLimit)
    expect(phase()).toBe('waiting')
    expect(world.last.closedBy).toBe('client')
  })

  it('sends nothing on a socket that closes, and waits to be told why', () => {
    const { world, live, open, lost, phase } = connection()
    open()
    world.last.readyState = 2
    expect(live.send({ t: 'typing', on: true })).toBe(true)
    live.wake()
    expect(phase()).toBe('open')
    world.last.lose(4503)
    expect(phase()).toBe('stopped')
    expect(lost).toEqual([4503])
  })

  it.each([1000, 1001, 1006, 1009, 1012, 1013, 4000, 4004])('comes back after %i', async code => {
    const { world, open, phase } = connection()
    open()
    world.last.lose(code)
    expect(phase()).toBe('waiting')
    await world.pass(60_000)
    expect(world.sockets.length).toBeGreaterThan(1)
  })

  it.each([1002, 1003, 1007, 1008, 4500, 4501, 4502, 4503])('stays away after %i, until somebody asks', async code => {
    const { world, live, open, phase } = connection()
    open()
    world.last.lose(code)
    await world.pass(3_600_000)
    expect(phase()).toBe('stopped')
    expect(live.state.get().closed).toBe(code)
    expect(world.sockets.length).toBe(1)
    live.retry()
    expect(phase()).toBe('connecting')
  })

  it('pauses longer and longer, at random, within the bounds of hello', async () => {
    const pauses = async (chance: number) => {
      const { world, live, open } = connection(() => chance)
      open()
      const found: number[] = []
      for (let i = 0; i < 10; i++) {
        world.last.lose(1006)
        const { retryAt = 0 } = live.state.get()
        found.push(retryAt - world.now())
        await world.pass(retryAt - world.now())
      }
      return found
    }
    expect(new Set(await pauses(0))).toEqual(new Set([limits.backoff_min]))
    const longest = await pauses(0.999)
    expect([...longest].sort((a, b) => a - b)).toEqual(longest)
    expect(longest[0]).toBeGreaterThan(limits.backoff_min)
    expect(Math.max(...longest)).toBeLessThanOrEqual(limits.backoff_max)
    expect(Math.max(...longest)).toBeGreaterThan(limits.backoff_max * 0.99)
  })

  it('finds out on waking up that it is dead, in five seconds', async () => {
    const { world, live, open, lost, phase } = connection()
    open()
    live.wake()
    expect(world.last.sent.at(-1)).toEqual({ t: 'ping' })
    await world.pass(pongLimit - 1)
    expect(phase()).toBe('open')
    await world.pass(1)
    expect(phase()).toBe('waiting')
    expect(lost).toEqual([1006])
  })

  it('stays when the pong, or anything else, comes in time', async () => {
    const { world, live, open, phase } = connection()
    open()
    live.wake()
    world.last.say({ t: 'pong', now: 0 })
    await world.pass(pongLimit)
    expect(phase()).toBe('open')
    expect(world.sockets.length).toBe(1)
  })

  it('does not wait for its pause when it is woken', () => {
    const { world, live, open } = connection()
    open()
    world.last.lose(1006)
    live.wake()
    expect(world.sockets.length).toBe(2)
  })

  it('finds a silent death while somebody looks on', async () => {
    const { world, live, open, phase } = connection()
    open()
    live.attend(true)
    await world.pass(25_000)
    expect(world.last.sent.at(-1)).toEqual({ t: 'ping' })
    await world.pass(pongLimit)
    expect(phase()).toBe('waiting')
  })

  it('hears nothing more of a connection it gave up', async () => {
    const { world, live, frames, open } = connection()
    open()
    const old = world.last
    live.wake()
    await world.pass(pongLimit)
    const before = frames.length
    old.say({ t: 'presence', presence: 'online' })
    old.lose(4500)
    expect(frames.length).toBe(before)
    expect(live.state.get().phase).not.toBe('stopped')
  })

  it('ignores what is no frame', () => {
    const { world, frames, open } = connection()
    open()
    const before = frames.length
    for (const data of ['{', 'null', '7', '"x"']) world.last.onmessage?.({ data })
    expect(frames.slice(before).filter(frame => typeof frame === 'object')).toEqual([])
  })

  it('stops when the log-in has ended, which a browser shows as a plain failure', async () => {
    const { world, phase } = connection(undefined, () => Promise.resolve(false))
    world.last.lose(1006)
    await settle()
    expect(phase()).toBe('stopped')
  })
})

describe('a server that sends its connections elsewhere', () => {
  const moving = () => {
    const all = connection(() => 0)
    all.open()
    const [old] = all.world.sockets
    if (!old) throw new Error('there is no connection')
    old.say({ t: 'move', within: 15_000 })
    return { ...all, old }
  }

  it('is left only when the new connection is greeted', () => {
    const { world, live, old, lost, open, phase } = moving()
    expect(world.sockets.length).toBe(2)
    world.last.open()
    expect(world.last.sent).toEqual([{ t: 'hello' }])
    live.send({ t: 'ping' })
    expect(old.sent.at(-1)).toEqual({ t: 'ping' })
    expect([old.closedBy, phase(), lost]).toEqual([undefined, 'open', []])
    open()
    expect([old.closedBy, phase(), lost]).toEqual(['client', 'open', [1000]])
    live.send({ t: 'typing', on: true })
    expect(world.last.sent.at(-1)).toEqual({ t: 'typing', on: true })
  })

  it('is asked again after a pause when the new connection does not come about', async () => {
    const { world, old, frames, open, phase } = moving()
    old.say({ t: 'move', within: 14_000 })
    expect(world.sockets.length).toBe(2)
    world.last.lose(1006)
    expect(phase()).toBe('open')
    old.say({ t: 'pong', now: 1 })
    await world.pass(limits.backoff_min)
    expect(world.sockets.length).toBe(3)
    const before = frames.length
    old.say({ t: 'presence', presence: 'away' })
    expect(frames.length).toBe(before + 1)
    open()
    expect(old.closedBy).toBe('client')
  })

  it.each([1012, 1006, 4502])('may end with %i before the new one is greeted', code => {
    const { world, old, lost, open, phase } = moving()
    old.lose(code)
    expect([phase(), lost]).toEqual(['connecting', [code]])
    expect(world.sockets.length).toBe(2)
    open()
    expect(phase()).toBe('open')
  })

  it('is forgotten when the page rests', () => {
    const { world, live, old } = moving()
    live.rest()
    expect(world.sockets.map(({ closedBy }) => closedBy)).toEqual(['client', 'client'])
    expect(old.closedBy).toBe('client')
  })
})

describe('where a person may have one connection', () => {
  it('a client that comes back says what it continues, until somebody takes over', async () => {
    const { world, live, open, phase } = connection(() => 0)
    world.last.open()
    world.last.say({ ...helloFrame(), continues: 'abc' })
    world.last.lose(1006)
    await world.pass(limits.backoff_min)
    world.last.open()
    expect(world.last.sent).toEqual([{ t: 'hello', continues: 'abc' }])
    world.last.lose(4502)
    expect([phase(), live.state.get().closed]).toEqual(['stopped', 4502])
    live.retry()
    open()
    expect(world.last.sent).toEqual([{ t: 'hello' }])
    world.last.lose(1006)
    await world.pass(limits.backoff_min)
    world.last.open()
    expect(world.last.sent).toEqual([{ t: 'hello' }])
  })
})

it('comes back no sooner than a busy server asks for', async () => {
  const { world, live } = connection(() => 0)
  world.last.open()
  world.last.say({ t: 'error', code: 'busy', text: '', do: 'retry', retry_after: 7_000 })
  world.last.lose(1013)
  expect((live.state.get().retryAt ?? 0) - world.now()).toBe(7_000)
})
