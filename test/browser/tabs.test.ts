/** One visitor in several tabs, and a tab that the browser froze. */
import { describe, expect } from 'vitest'
import { test } from './harness/test.ts'
import { cutOff } from './harness/browser.ts'
import { Proxy } from './harness/proxy.ts'

describe('a second tab', () => {
  test('shows the same conversation, and both are in step', async ({ visitor, wire }) => {
    const one = await visitor()
    const two = await one.tab()
    await one.write('From the first tab')
    await two.message('From the first tab').waitFor()
    await two.write('From the second tab')
    await one.kept('From the second tab').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('From the second tab')
    await ada.command({ t: 'send', c, text: 'Heard twice' })
    await Promise.all([one.message('Heard twice').waitFor(), two.message('Heard twice').waitFor()])
    const said = ['From the first tab', 'From the second tab', 'Ada is here for you', 'Heard twice']
    expect(await one.messages()).toEqual(said)
    expect(await two.messages()).toEqual(said)
    expect((await ada.list('open')).rows.filter(row => row.last?.text === 'Heard twice')).toHaveLength(1)
  })

  test('opened before anything was written becomes the same visitor', async ({ visitor, wire }) => {
    const one = await visitor()
    const two = await one.tab()
    await two.write('Second first')
    await two.kept('Second first').waitFor()
    await one.message('Second first').waitFor()
    await one.write('Then the first')
    await two.message('Then the first').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('Then the first'))).toEqual(['Second first', 'Then the first'])
  })

  test('sends what a tab that is gone had not sent', async ({ visitor, wire, house, screen, later }) => {
    screen.expected.push(...cutOff)
    const proxy = await Proxy.start(house.kefu.port)
    later(() => proxy.stop())
    const one = await visitor({ origin: proxy.origin })
    await one.write('Known')
    await one.kept('Known').waitFor()
    const two = await one.tab()
    await two.message('Known').waitFor()
    proxy.set('cut')
    await one.write('Left behind')
    await one.marked('Left behind', 'waits').waitFor()
    await two.marked('Left behind', 'waits').waitFor()
    await one.page.close()
    proxy.set('whole')
    await two.kept('Left behind').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('Left behind'))).toEqual(['Known', 'Left behind'])
  })
})

describe('a reload', () => {
  test('goes on as the same visitor, with everything in place', async ({ visitor, wire }) => {
    const mia = await visitor()
    for (const text of ['One', 'Two', 'Three']) await mia.write(text)
    await mia.kept('Three').waitFor()
    await mia.page.reload()
    await mia.message('Three').waitFor()
    await mia.write('Four')
    await mia.kept('Four').waitFor()
    expect(await mia.messages()).toEqual(['One', 'Two', 'Three', 'Four'])
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('Four'))).toEqual(['One', 'Two', 'Three', 'Four'])
  })

  test('leaves what was read read', async ({ visitor, wire, house }) => {
    const shop = await visitor({ path: `/demo?site=${house.site.key}` })
    await shop.openPanel()
    await shop.write('Read me')
    const ada = await wire.agent()
    await ada.command({ t: 'send', c: await ada.find('Read me'), text: 'I am read' })
    await shop.message('I am read').waitFor()
    await shop.page.evaluate(() => new Promise(shown => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(shown)))))
    await shop.page.reload()
    await shop.opener.waitFor()
    await shop.openPanel()
    const hello = shop.heard.filter(frame => frame.startsWith('{"t":"hello"')).at(-1)
    expect(hello).toContain('"unread":0')
  })
})
