import { describe, expect, it, vi } from 'vitest'
import { answer, close, read, want } from '../src/broadcasts.ts'
import { VisitorClient } from '../src/index.ts'
import { FakeWorld, alone, helloFrame, settle } from './fakes.ts'

const one = (n: number, more = {}) => ({ id: `b${n}`, n, at: n, show: 'card', text: `Word ${n}`, ...more })

function visitor(tabs = alone()) {
  const world = new FakeWorld()
  const client = new VisitorClient(world, tabs, {
    url: 'wss://kefu.example/ws/v1/visitor', site: 'KEY', language: 'en', page: { url: 'https://shop.example/' }, program: 'test',
  })
  client.start()
  const greet = async (broadcasts?: object) => {
    world.last.open()
    world.last.say(helloFrame({ ...(broadcasts && { broadcasts }) }))
    await vi.dynamicImportSettled()
    await settle()
  }
  const say = async (broadcasts: object) => {
    world.last.say({ t: 'broadcasts', broadcasts })
    await vi.dynamicImportSettled()
    await settle()
  }
  const told = () => world.last.sent.filter(({ t }) => t === 'broadcasts')
  const ids = () => client.broadcasts.get()?.list.map(({ id }) => id)
  return { world, client, greet, say, told, ids }
}

const at = (n: number) => ({ n, tag: n * 7 })

describe('broadcasts', () => {
  it('are told from where the last connection ended', async () => {
    const { world, client, greet, say, ids } = visitor()
    await greet({ at: at(3), reset: true })
    expect(client.broadcasts.get()).toBe(undefined)
    await say({ at: at(4), put: [one(4)] })
    expect(ids()).toEqual(['b4'])
    world.last.lose(1006)
    await world.pass(5_000)
    world.last.open()
    expect(world.last.sent[0]).toMatchObject({ t: 'hello', broadcasts: at(4) })
  })

  it('count as unread until they are read, which is told once', async () => {
    const { client, greet, say, told } = visitor()
    await greet({ at: at(2), put: [one(1, { read: true }), one(2)], reset: true })
    await say({ at: at(3), put: [one(3)] })
    expect(client.state.get().unread).toBe(2)
    read(client, 3)
    read(client, 2)
    expect([client.state.get().unread, told()]).toEqual([0, [{ t: 'broadcasts', read: 3 }]])
  })

  it('that were read while the connection was away are told as read on return', async () => {
    const { world, client, greet, told } = visitor()
    await greet({ at: at(2), put: [one(2)], reset: true })
    world.last.lose(1006)
    read(client, 2)
    await world.pass(5_000)
    await greet({ at: at(2), put: [one(2)], reset: true })
    expect(told()).toEqual([{ t: 'broadcasts', read: 2 }])
    expect(client.state.get().unread).toBe(0)
  })

  it('are counted once, also when the connection comes back', async () => {
    const { world, client, greet } = visitor()
    await greet({ at: at(2), put: [one(1), one(2)], reset: true })
    world.last.lose(1006)
    await world.pass(5_000)
    await greet({ at: at(2) })
    expect(client.state.get().unread).toBe(2)
  })

  it('go when they are withdrawn or expire, and with them their count', async () => {
    const { world, client, greet, say, ids } = visitor()
    await greet({ at: at(3), put: [one(1), one(2, { expires: world.time + 60_000 }), one(3)], reset: true })
    await say({ at: at(4), drop: ['b1'] })
    expect([ids(), client.state.get().unread]).toEqual([['b2', 'b3'], 2])
    await world.pass(60_000)
    expect([ids(), client.state.get().unread]).toEqual([['b3'], 1])
    await say({ at: at(5), reset: true })
    expect([ids(), client.state.get().unread]).toEqual([[], 0])
  })

  it('are answered by the next message, and by that one only', async () => {
    const { world, client, greet } = visitor()
    await greet({ at: at(1), put: [one(1)], reset: true })
    answer(client, 'b1')
    client.send('Thanks')
    expect(world.last.sent.at(-1)).toMatchObject({ t: 'send', text: 'Thanks', broadcast: 'b1' })
    client.send('And now')
    expect(client.outbox.get().map(({ broadcast }) => broadcast)).toEqual(['b1', undefined])
  })

  it('can be refused, and asked for again', async () => {
    const { client, greet, say, told } = visitor()
    await greet({ at: at(1), put: [one(1)], reset: true })
    want(client, false)
    await say({ at: at(1), off: true })
    expect([told().at(-1), client.broadcasts.get()?.off]).toEqual([{ t: 'broadcasts', off: true }, true])
    want(client, true)
    await say({ at: at(1) })
    expect([told().at(-1), client.broadcasts.get()?.off]).toEqual([{ t: 'broadcasts', off: false }, false])
  })

  it('that were closed have been read, and stay closed after a reload', async () => {
    const tabs = alone()
    const all = { at: at(2), put: [one(1), one(2)], reset: true }
    const first = visitor(tabs)
    await first.greet(all)
    close(first.client, 'b1')
    expect([first.client.broadcasts.get()?.closed, first.told(), tabs.shelf.keys()]).toEqual([['b1'], [{ t: 'broadcasts', read: 1 }], []])
    first.client.send('I exist') // until then nothing is stored
    const again = visitor(tabs)
    await again.greet(all)
    expect(again.client.broadcasts.get()?.closed).toEqual(['b1'])
    close(again.client, 'b2')
    const third = visitor(tabs)
    await third.greet({ at: at(3), put: [one(2), one(3)], reset: true })
    expect(third.client.broadcasts.get()?.closed).toEqual(['b1', 'b2'])
    close(third.client, 'b3')
    expect(JSON.parse(tabs.shelf.get('closed') ?? '')).toEqual(['b2', 'b3']) // no more than are shown
  })

  it('are closed in spite of what somebody else has put where that is kept', async () => {
    for (const junk of ['{', '7', '[1,null,"b9"]', 'null']) {
      const tabs = alone()
      tabs.shelf.set('closed', junk)
      const { client, greet, ids } = visitor(tabs)
      await greet({ at: at(1), put: [one(1)], reset: true })
      expect([ids(), client.broadcasts.get()?.closed]).toEqual([['b1'], junk.includes('b9') ? ['b9'] : []])
    }
  })
})
