/** A network that blocks WebSocket: people chat all the same, and go back to WebSocket when it is free. */
import { describe, expect } from 'vitest'
import { test } from './harness/test.ts'
import { Proxy, type Upgrades } from './harness/proxy.ts'
import { cutOff, type Screen } from './harness/browser.ts'
import type { House } from './harness/test.ts'

/** A network of which Chromium complains when it refuses a WebSocket. */
async function network(house: House, screen: Screen, later: (undo: () => Promise<unknown>) => void, upgrades: Upgrades): Promise<Proxy> {
  const proxy = await Proxy.start(house.kefu.port)
  later(() => proxy.stop())
  proxy.upgrades = upgrades
  screen.expected.push(...cutOff)
  return proxy
}

/** Longer than the pause between two looks whether WebSocket is free. */
const longer = 400_000

describe.each<Upgrades>(['refused', 'mute'])('where WebSocket is %s', upgrades => {
  test('a visitor chats, over the ends of streams, and goes back', async ({ visitor, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later, upgrades)
    const mia = await visitor({ origin: proxy.origin, clock: true })
    await mia.write('Is anybody there?')
    await mia.kept('Is anybody there?').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('Is anybody there?')
    await ada.command({ t: 'send', c, text: 'I am' })
    await mia.message('I am').waitFor()
    expect(proxy.upgraded).toBe(0)
    const clock = mia.page.clock
    await clock.fastForward(61_000) // the page finds its stream silent, and begins another
    await ada.command({ t: 'send', c, text: 'Still am' })
    await mia.message('Still am').waitFor()
    proxy.upgrades = 'free'
    // A look that began before it was free has to end first.
    await expect.poll(() => proxy.upgraded || clock.fastForward(longer), { timeout: 20_000, interval: 500 }).toBeTruthy()
    await expect.poll(() => proxy.upgraded, { timeout: 20_000 }).toBeGreaterThan(1) // the look, and the line
    await ada.command({ t: 'send', c, text: 'And now?' })
    await mia.message('And now?').waitFor()
    await mia.write('Much better')
    await mia.kept('Much better').waitFor()
    expect(await ada.texts(c)).toEqual(['Is anybody there?', 'I am', 'Still am', 'And now?', 'Much better'])
    expect(await mia.messages()).toEqual(['Is anybody there?', 'Ada is here for you', 'I am', 'Still am', 'And now?', 'Much better'])
  })

  test('an agent works', async ({ agent, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later, upgrades)
    const lin = await wire.visitor()
    await lin.command({ t: 'send', text: 'Where is my parcel?' })
    const ada = await agent(house.ada, { origin: proxy.origin })
    await ada.openRow('Where is my parcel?')
    await ada.reply('On its way')
    await lin.heard('event', ({ e }) => e.text === 'On its way')
    await lin.command({ t: 'send', text: 'Thank you' })
    await ada.message('Thank you').waitFor()
    expect(proxy.upgraded).toBe(0)
  })
})
