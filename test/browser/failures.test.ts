/** What goes wrong, and what a person reads then. */
import { describe, expect } from 'vitest'
import { translator } from '@words/words.ts'
import { loginWords } from '../../web/console/src/features/login/words.ts'
import { restWords } from '../../web/console/src/ui/refusalWords.ts'
import { cutOff, notYet } from './harness/browser.ts'
import { Kefu } from './harness/kefu.ts'
import { openHouse, test } from './harness/test.ts'
import { AgentPage } from './pages/agent.ts'

const login = translator(loginWords, 'en')
const rest = translator(restWords, 'en')

describe('a wrong password', () => {
  test('is refused in words, and the right one lets in', async ({ screen, house }) => {
    screen.expected.push(notYet, /status of 401 .*log-in/)
    const page = await (await screen.person()).newPage()
    await page.goto(`${house.kefu.origin}/console/`)
    await page.waitForURL('**/console/login**')
    await page.getByRole('textbox', { name: login('email') }).fill(house.ada.email)
    await page.getByRole('textbox', { name: login('password') }).fill('not the password')
    await page.getByRole('button', { name: login('signIn') }).click()
    const alert = page.getByRole('alert').filter({ hasText: /\w/ })
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/password/i)
    await page.getByRole('textbox', { name: login('password') }).fill('correct horse battery staple')
    await page.getByRole('button', { name: login('signIn') }).click()
    await AgentPage.on(page).tab('waiting').waitFor()
  })
})

describe('a server that is gone', () => {
  test('is told to both sides; what was written stays and goes out when it is back', async ({ visitor, agent, screen, later }) => {
    screen.expected.push(...cutOff)
    const { kefu, ada: owner, site } = await openHouse()
    later(() => kefu.stop())
    const mia = await visitor({ origin: kefu.origin, path: `/chat/${site.key}` })
    await mia.write('Are you still open?')
    await mia.kept('Are you still open?').waitFor()
    const ada = await agent(owner, { origin: kefu.origin })
    await ada.openRow('Are you still open?')
    await ada.reply('We are')
    await mia.message('We are').waitFor()
    await kefu.end('SIGKILL')
    await mia.lost.waitFor()
    await ada.banner.waitFor()
    await mia.write('Hello?')
    await mia.marked('Hello?', 'waits').waitFor()
    await ada.reply('One moment')
    await kefu.begin()
    await mia.panel.getByRole('button', { name: mia.t('retry') }).click({ timeout: 3_000 }).catch(() => undefined)
    await mia.kept('Hello?').waitFor({ timeout: 35_000 })
    await mia.message('One moment').waitFor({ timeout: 35_000 })
    await ada.banner.waitFor({ state: 'detached' })
    expect((await mia.messages()).filter(text => /We are|Hello\?|One moment/.test(text)).sort()).toEqual(['Hello?', 'One moment', 'We are'])
  })

  test('is told to who wants to log in', async ({ screen, later }) => {
    screen.expected.push(notYet, ...cutOff)
    const kefu = await Kefu.start()
    later(() => kefu.stop())
    const page = await (await screen.person()).newPage()
    await page.goto(`${kefu.origin}/console/login`)
    await page.getByRole('textbox', { name: login('email') }).fill('ada@shop.example')
    await page.getByRole('textbox', { name: login('password') }).fill('correct horse battery staple')
    await kefu.end()
    await page.getByRole('button', { name: login('signIn') }).click()
    await page.getByRole('alert').filter({ hasText: rest('offline') }).waitFor()
  })
})

describe('a text', () => {
  const emoji = '👩‍🚀'
  test('of 20,000 characters arrives whole, and one of 20,001 is not sent', async ({ visitor, wire, agent }) => {
    const mia = await visitor()
    const long = 'a'.repeat(19_990) + '😀'.repeat(10)
    await mia.write(long)
    await mia.panel.getByText(mia.t('sent'), { exact: true }).waitFor()
    const ada = await wire.agent()
    const c = (await ada.list('waiting')).rows.find(row => row.last?.text?.startsWith('aaaa'))?.c ?? ''
    expect(await ada.texts(c)).toEqual([long])
    await mia.write(`${long}b`)
    await mia.panel.getByText(mia.t('over', { n: 1 })).waitFor()
    expect(await mia.field.inputValue()).toBe(`${long}b`)
    expect(await ada.texts(c)).toEqual([long])
    const page = await agent()
    await page.tab('open').click()
    await page.rows.first().click()
    await page.sheet.locator('.bubble').first().waitFor()
    expect(await page.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  })

  test('with emoji, markup and links is shown as it was written', async ({ visitor, agent }) => {
    const mia = await visitor()
    const text = `${emoji} <b>bold?</b> <img src=x onerror="document.title='hacked'"> https://shop.example/a?b=c&d`
    await mia.write(text)
    const ada = await agent()
    await ada.openRow('bold?')
    await ada.message(text).first().waitFor()
    await ada.reply(text)
    await mia.log.getByText(text).nth(1).waitFor()
    expect(await mia.page.title()).not.toContain('hacked')
    expect(await ada.page.title()).not.toContain('hacked')
    const link = mia.log.getByRole('link', { name: 'https://shop.example/a?b=c&d' }).first()
    expect(await link.getAttribute('rel')).toContain('noopener')
  })

  test('and a name from right to left disturb nothing around them', async ({ agent, wire }) => {
    const name = 'مريم \u202eevil'
    const mia = await wire.visitor({ says: { name } })
    await mia.command({ t: 'send', text: 'مرحبا، هل من أحد؟' })
    const ada = await agent()
    await ada.openRow('مرحبا')
    const bubble = ada.sheet.locator('.bubble').first()
    expect(await bubble.evaluate(one => getComputedStyle(one).direction)).toBe('rtl')
    expect(await ada.page.locator('html').evaluate(one => getComputedStyle(one).direction)).toBe('ltr')
    // The order around the name stays: what stands before it on the screen stands left of it.
    const row = ada.row('مرحبا')
    const order = await row.evaluate(one => {
      const box = (found: Element | null) => found?.getBoundingClientRect().left ?? NaN
      return [box(one.querySelector('.row__name')), box(one.querySelector('time'))]
    })
    expect(order[0]).toBeLessThan(order[1] ?? NaN)
  })
})
