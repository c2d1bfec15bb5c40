// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest'
import { followPage } from '../src/browser.ts'
import { VisitorClient } from '../src/index.ts'
import { alone, FakeWorld, helloFrame } from './fakes.ts'

describe('a page that was put away and comes back', () => {
  const stops: (() => void)[] = []
  afterEach(() => { for (const stop of stops.splice(0)) stop() })

  function page() {
    const world = new FakeWorld()
    const client = new VisitorClient(world, alone(), { url: 'wss://kefu.example/ws/v1/visitor', site: 'KEY', language: 'en', page: { url: 'https://shop.example/' }, program: 'test' })
    client.start()
    world.last.open()
    world.last.say(helloFrame())
    stops.push(followPage(client))
    return { world, client }
  }

  const putAway = () => dispatchEvent(new Event('pagehide'))
  const comeBack = (persisted = true) => dispatchEvent(Object.assign(new Event('pageshow'), { persisted }))

  it('lets go of its connection, and connects again', () => {
    const { world, client } = page()
    for (const sockets of [2, 3]) {
      putAway()
      expect([client.connection.get().phase, world.last.closedBy]).toEqual(['idle', 'client'])
      comeBack(false)
      expect(client.connection.get().phase).toBe('idle')
      comeBack()
      expect([client.connection.get().phase, world.sockets.length]).toEqual(['connecting', sockets])
    }
    world.last.open()
    expect(world.last.sent[0]).toMatchObject({ t: 'hello', presence: 'online' })
  })

  it('goes on resting where it is not known who is here', () => {
    const { world, client } = page()
    client.rest()
    for (let again = 0; again < 2; again++) {
      putAway()
      comeBack()
      expect([client.connection.get().phase, world.sockets.length]).toEqual(['idle', 1])
    }
    client.start()
    world.last.open()
    expect(world.last.sent[0]).toMatchObject({ t: 'hello', presence: 'online' })
  })
})
