/** One connection per person, three tabs, and a server that goes away and comes back. */
import { describe, expect } from 'vitest'
import { cutOff } from './harness/browser.ts'
import { openHouse, test } from './harness/test.ts'
import { Peer } from './harness/wire.ts'

describe('a visitor with a connected tab and two that are paused', () => {
  test('sends what was written while the server was away, before what was written after', async ({ visitor, screen, later }) => {
    screen.expected.push(...cutOff)
    const { kefu, ada: owner, site } = await openHouse()
    later(() => kefu.stop())
    await owner.settings(settings => ({ ...settings, one_connection: true }))
    const one = await visitor({ origin: kefu.origin, path: `/chat/${site.key}` })
    await one.write('First')
    await one.kept('First').waitFor()
    const two = await one.tab()
    await two.message('First').waitFor()
    const three = await one.tab()
    await three.message('First').waitFor()
    await one.elsewhere.waitFor()
    await two.elsewhere.waitFor()
    await kefu.end()
    await three.lost.waitFor()
    await three.write('While you were away')
    for (const page of [one, two, three]) await page.marked('While you were away', 'waits').waitFor()
    await kefu.begin()
    await three.panel.getByRole('button', { name: three.t('retry') }).click({ timeout: 3_000 }).catch(() => undefined)
    await three.kept('While you were away').waitFor({ timeout: 35_000 })
    await three.write('After')
    await three.kept('After').waitFor()
    await one.write('From a paused tab')
    await one.marked('From a paused tab', 'sent').waitFor()
    await three.kept('From a paused tab').waitFor()
    const said = ['First', 'While you were away', 'After', 'From a paused tab']
    expect(await three.messages()).toEqual(said)
    await three.page.close()
    await one.useHere.click()
    await one.elsewhere.waitFor({ state: 'detached' })
    await one.message('After').waitFor()
    expect(await one.messages()).toEqual(said)
    expect(await two.elsewhere.count()).toBe(1)
    const ada = await Peer.agent(kefu, owner)
    later(() => ada.close())
    expect(await ada.texts(await ada.find('From a paused tab'))).toEqual(said)
  })
})
