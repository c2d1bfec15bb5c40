/** Without a mouse. */
import { describe, expect } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { notYet } from './harness/browser.ts'
import { test } from './harness/test.ts'
import { translator } from '@words/words.ts'
import { shortcutWords } from '../../web/console/src/features/shortcuts/words.ts'
import { paletteWords } from '../../web/console/src/features/palette/words.ts'

const keys = translator(shortcutWords, 'en')
const palette = translator(paletteWords, 'en')

/** Presses Tab until something has the focus, at most so many times. */
async function tabTo(page: Page, target: Locator, most = 12): Promise<void> {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab')
    if (await target.evaluate(one => one.matches(':focus')).catch(() => false)) return
  }
  throw new Error(`Tab does not reach ${String(target)}`)
}

describe('with the keyboard alone', () => {
  test('a visitor opens the chat, writes, reads the answer, and closes it', async ({ visitor, house, wire }) => {
    const shop = await visitor({ path: `/demo?site=${house.site.key}` })
    await shop.opener.waitFor()
    await tabTo(shop.page, shop.opener, 30)
    await shop.page.keyboard.press('Enter')
    // The field has the focus.
    await shop.field.and(shop.panel.locator(':focus')).waitFor()
    await shop.page.keyboard.type('By keyboard')
    await shop.page.keyboard.press('Enter')
    await shop.kept('By keyboard').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('By keyboard')
    await ada.command({ t: 'send', c, text: 'Well typed' })
    await shop.message('Well typed').waitFor()
    await shop.field.and(shop.panel.locator(':focus')).waitFor()
    await shop.page.keyboard.type('Line one')
    await shop.page.keyboard.press('Shift+Enter')
    await shop.page.keyboard.type('line two')
    await shop.page.keyboard.press('Enter')
    await shop.kept('Line one\nline two').waitFor()
    expect(await ada.texts(c)).toEqual(['By keyboard', 'Well typed', 'Line one\nline two'])
    await ada.command({ t: 'resolve', c })
    await shop.page.keyboard.press('Escape')
    await shop.opener.waitFor()
    expect(await shop.opener.evaluate(one => one.matches(':focus'))).toBe(true)
  })

  test('an agent works through a conversation', async ({ agent, wire }) => {
    const mia = await wire.visitor({ says: { name: 'Mia' } })
    await mia.command({ t: 'send', text: 'I waited longest' })
    await (await wire.visitor()).command({ t: 'send', text: 'I came later' })
    const ada = await agent()
    await ada.row('I waited longest').waitFor()
    const press = (key: string) => ada.page.keyboard.press(key)
    await press('n')
    await ada.message('I waited longest').first().waitFor()
    await ada.field.and(ada.page.locator(':focus')).waitFor()
    await press('Escape')
    await press('t')
    await mia.heard('event', ({ e }) => e.kind === 'assigned')
    await press('r')
    await ada.page.keyboard.type('Sorry for the wait')
    await press('Enter')
    await mia.heard('event', ({ e }) => e.text === 'Sorry for the wait')
    await press('Escape')
    await press('m')
    await ada.page.keyboard.type('She was patient')
    await press('Enter')
    await ada.message('She was patient').first().waitFor()
    await press('Escape')
    await press('e')
    await mia.heard('event', ({ e }) => e.kind === 'resolved')
  })

  test('an agent finds the palette and the list of keys', async ({ agent }) => {
    const ada = await agent()
    await ada.tab('waiting').waitFor()
    await ada.page.keyboard.press('?')
    const list = ada.page.getByRole('dialog', { name: keys('title') })
    await list.waitFor()
    await list.getByText(keys('longest')).waitFor()
    await ada.page.keyboard.press('Escape')
    await list.waitFor({ state: 'detached' })
    await ada.page.keyboard.press('Control+k')
    const box = ada.page.getByRole('dialog', { name: palette('title') })
    await box.waitFor()
    await box.getByText(/^Searches \d+ loaded conversations?: name, e-mail and last message$/).waitFor()
    await ada.page.keyboard.type('no such thing')
    await box.getByText(palette('nothing', { text: 'no such thing' })).waitFor()
    for (let i = 0; i < 'no such thing'.length; i++) await ada.page.keyboard.press('Backspace')
    await ada.page.keyboard.type('settings')
    await ada.page.keyboard.press('ArrowDown')
    await ada.page.keyboard.press('Enter')
    await ada.page.waitForURL('**/console/settings/sites/**')
    await box.waitFor({ state: 'detached' })
    await ada.page.keyboard.press('g')
    await ada.page.keyboard.press('v')
    await ada.page.waitForURL('**/console/visitors')
  })

  test('an agent logs in', async ({ screen, house }) => {
    screen.expected.push(notYet)
    const page = await (await screen.person()).newPage()
    await page.goto(`${house.kefu.origin}/console/login`)
    await tabTo(page, page.getByRole('textbox', { name: 'E-mail' }))
    await page.keyboard.type(house.ada.email)
    await tabTo(page, page.getByRole('textbox', { name: 'Password' }))
    await page.keyboard.type('correct horse battery staple')
    await page.keyboard.press('Enter')
    await page.getByRole('navigation').waitFor()
  })
})
