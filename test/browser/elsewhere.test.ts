/** One connection per person, where a site wants it; and a server that sends its pages elsewhere. */
import { describe, expect } from 'vitest'
import type { BrowserContext } from 'playwright-core'
import { violations } from './harness/axe.ts'
import { test, type House } from './harness/test.ts'
import { VisitorPage } from './pages/visitor.ts'
import { translator } from '@words/words.ts'
import { visitorWords } from '../../web/console/src/features/visitors/words.ts'

const onlyOne = (house: House, only: boolean) => house.ada.settings(settings => ({ ...settings, one_connection: only }))

describe('where a person may have one connection', () => {
  test('a visitor’s earlier tab pauses, lets the other send what is written in it, and takes over again', async ({ visitor, wire, house, later }) => {
    await onlyOne(house, true)
    later(() => onlyOne(house, false))
    const one = await visitor()
    await one.write('From the first tab')
    await one.kept('From the first tab').waitFor()
    await one.field.fill('Half a sent')
    const two = await one.tab()
    await two.message('From the first tab').waitFor()
    await one.elsewhere.waitFor()
    expect(await one.field.inputValue()).toBe('Half a sent')
    expect(await violations(one.page)).toEqual([])
    await one.write('Half a sentence')
    await one.marked('Half a sentence', 'sent').waitFor()
    await two.kept('Half a sentence').waitFor()
    await two.write('From the second tab')
    await two.kept('From the second tab').waitFor()
    await one.useHere.click()
    await two.elsewhere.waitFor()
    await one.elsewhere.waitFor({ state: 'detached' })
    await one.message('From the second tab').waitFor()
    await one.kept('Half a sentence').waitFor()
    const said = ['From the first tab', 'Half a sentence', 'From the second tab']
    expect(await one.messages()).toEqual(said)
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('From the second tab'))).toEqual(said)
  })

  test('a visitor’s tab that is loaded again takes over from itself without a word', async ({ visitor, house, later }) => {
    await onlyOne(house, true)
    later(() => onlyOne(house, false))
    const one = await visitor()
    await one.write('Before')
    await one.kept('Before').waitFor()
    await one.page.reload()
    await one.message('Before').waitFor()
    await one.write('After')
    await one.kept('After').waitFor()
    expect(await one.elsewhere.count()).toBe(0)
  })

  test.for(['en', 'zh-CN'] as const)('an agent’s earlier console says so calmly, in %s', async (lang, { agent, visitor, house, later }) => {
    await onlyOne(house, true)
    later(() => onlyOne(house, false))
    const text = `A question in ${lang}`
    const mia = await visitor({ lang })
    await mia.write(text)
    await mia.kept(text).waitFor()
    const one = await agent(house.ada, { lang })
    await one.openRow(text)
    await one.field.fill('Not finished')
    const two = await one.again()
    await two.openRow(text)
    await one.elsewhere.waitFor()
    expect(await one.field.inputValue()).toBe('Not finished')
    expect(await violations(one.page)).toEqual([])
    // On a phone it is said on the list and beside the visitors, too, and no number of visitors is claimed.
    const address = one.page.url()
    await one.page.setViewportSize({ width: 390, height: 844 })
    await one.sheet.getByRole('button', { name: one.t('back') }).click()
    await one.row(text).waitFor()
    await one.useHere.waitFor()
    await one.page.getByRole('navigation').getByRole('link', { name: lang === 'en' ? 'Visitors' : '访客' }).click()
    await one.page.getByRole('heading', { name: translator(visitorWords, lang)('unknown') }).waitFor()
    await one.useHere.waitFor()
    expect(await violations(one.page)).toEqual([])
    await one.page.goBack()
    await one.page.goBack()
    await expect.poll(() => one.page.url()).toBe(address)
    expect(await one.field.inputValue()).toBe('Not finished')
    await one.page.setViewportSize({ width: 1440, height: 900 })
    await one.useHere.click()
    await two.elsewhere.waitFor()
    await one.elsewhere.waitFor({ state: 'detached' })
    await one.field.press('Enter')
    await mia.message('Not finished').waitFor()
  })

  test('a site’s admin switches it on in its settings', async ({ agent, visitor, house, later }) => {
    later(() => onlyOne(house, false))
    const ada = await agent()
    await ada.page.goto(`${house.kefu.origin}/console/settings/sites/${house.site.id}`)
    await ada.page.getByRole('switch', { name: 'One connection per person' }).click()
    await ada.page.getByRole('button', { name: 'Save', exact: true }).click()
    await expect.poll(async () => (await house.ada.site()).settings.one_connection).toBe(true)
    const one = await visitor()
    await one.write('Only here')
    await one.kept('Only here').waitFor()
    const two = await one.tab()
    await two.message('Only here').waitFor()
    await one.elsewhere.waitFor()
  })
})

/** Stands between page and server, and asks the page to move as a node does that is about to stop. */
async function sender(context: BrowserContext): Promise<{ move: () => void; open: () => number; most: () => number }> {
  const live = new Set<{ send: (text: string) => void }>()
  let most = 0
  await context.routeWebSocket(/\/ws\/v1\//, page => {
    const server = page.connectToServer()
    live.add(page)
    most = Math.max(most, live.size)
    page.onMessage(message => { server.send(message) })
    server.onMessage(message => { page.send(message) })
    const gone = () => { live.delete(page) }
    page.onClose((code, reason) => { gone(); void server.close({ ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) }) })
    server.onClose((code, reason) => { gone(); void page.close({ ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) }) })
  })
  return {
    move: () => { for (const page of live) page.send(JSON.stringify({ t: 'move', within: 15_000 })) },
    open: () => live.size,
    most: () => most,
  }
}

describe('a server that sends its pages elsewhere', () => {
  test.for([false, true])('is left without a word while a visitor writes (one connection: %s)', async (only, { screen, wire, house, later }) => {
    await onlyOne(house, only)
    later(() => onlyOne(house, false))
    // The relay between writes on the page's own sockets, also on one that its server closes at that moment.
    screen.expected.push(/already in CLOSING or CLOSED/)
    const context = await screen.person()
    const node = await sender(context)
    const page = await context.newPage()
    const mia = await VisitorPage.open(page, `${house.kefu.origin}/chat/${house.site.key}`)
    const said: string[] = []
    const write = async (text: string) => {
      await mia.write(text)
      said.push(text)
    }
    await write(`Before, ${only}`)
    await mia.kept(`Before, ${only}`).waitFor()
    await mia.field.fill('I am just wri')
    for (let i = 1; i <= 5; i++) {
      await write(`Message ${i}, ${only}`)
      node.move()
    }
    await mia.field.fill('I am just writing')
    for (const text of said) await mia.kept(text).waitFor()
    await expect.poll(() => node.open()).toBe(1)
    expect(node.most()).toBe(2)
    expect(await mia.field.inputValue()).toBe('I am just writing')
    expect(await mia.lost.count() + await mia.elsewhere.count()).toBe(0)
    expect(await mia.messages()).toEqual(said)
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find(said.at(-1) ?? ''))).toEqual(said)
  })
})
