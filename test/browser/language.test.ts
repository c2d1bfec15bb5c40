/** Chinese and English, and the input methods with which Chinese is written. */
import { describe, expect } from 'vitest'
import type { CDPSession, Page } from 'playwright-core'
import { test } from './harness/test.ts'

/** What a page shows and what a screen reader says of it, but for names, that is written in Latin letters. */
async function latin(page: Page): Promise<string[]> {
  const said = await page.evaluate(() => [
    document.title,
    document.body.innerText,
    ...['aria-label', 'title', 'placeholder', 'alt', 'data-tip'].flatMap(name => Array.from(document.querySelectorAll(`[${name}]`), one => one.getAttribute(name) ?? '')),
  ].join('\n'))
  return (said.match(/[A-Za-z]{3,}/g) ?? []).filter(word => !['Ada', 'Harbour', 'Kefu', 'Ctrl', 'Esc', 'Enter', 'English', 'localhost', 'Linux', 'Chrome'].includes(word))
}

describe('a visitor with a Chinese browser', () => {
  test('is spoken to in Chinese, politely', async ({ visitor, wire }) => {
    const mia = await visitor({ lang: 'zh-CN' })
    await mia.panel.getByText('您好，有什么可以帮您？').or(mia.panel.getByText('现在没有客服在线')).waitFor()
    await mia.write('你好')
    await mia.panel.getByText('已发送').waitFor()
    const ada = await wire.agent()
    await ada.command({ t: 'send', c: await ada.find('你好'), text: '您好，请讲。' })
    await mia.message('您好，请讲。').waitFor()
    expect(await mia.page.locator('html').getAttribute('lang')).toBe('zh-CN')
    expect(await latin(mia.page)).toEqual([])
  })

  test('has a Chinese button on a website', async ({ screen, house, visitor }) => {
    const shop = await visitor({ path: `/demo?site=${house.site.key}`, lang: 'zh-CN' })
    await shop.openPanel()
    await shop.write('这个还有货吗？')
    await shop.kept('这个还有货吗？').waitFor()
    expect(screen.unexpected()).toEqual([])
  })
})

describe('an agent with a Chinese browser', () => {
  test('has a Chinese console', async ({ agent }) => {
    const ada = await agent(undefined, { lang: 'zh-CN' })
    await ada.tab('waiting').waitFor()
    await ada.page.getByRole('heading', { name: '会话' }).first().waitFor()
    expect(await ada.page.locator('html').getAttribute('lang')).toBe('zh-CN')
    expect(await latin(ada.page)).toEqual([])
  })
})

describe('an input method', () => {
  test('keeps its Enter to itself; the next one sends, once', async ({ visitor, wire }) => {
    const mia = await visitor({ lang: 'zh-CN' })
    await mia.field.click()
    const ime = await mia.page.context().newCDPSession(mia.page)
    await compose(ime, 'nihao')
    await enterWhileComposing(ime)
    expect(await mia.field.inputValue()).toBe('nihao')
    await ime.send('Input.insertText', { text: '你好' })
    expect(await mia.field.inputValue()).toBe('你好')
    expect(mia.heard.filter(frame => frame.includes('"ack"'))).toEqual([])
    await laterThanTheComposition(mia.page)
    await mia.page.keyboard.press('Enter')
    await mia.kept('你好').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('你好'))).toEqual(['你好'])
  })

  test('keeps its Enter to itself for agents too', async ({ agent, wire }) => {
    const mia = await wire.visitor()
    await mia.command({ t: 'send', text: 'Please write Chinese' })
    const ada = await agent()
    await ada.openRow('Please write Chinese')
    await ada.field.click()
    const ime = await ada.page.context().newCDPSession(ada.page)
    await compose(ime, 'haode')
    await enterWhileComposing(ime)
    expect(await ada.field.inputValue()).toBe('haode')
    await ime.send('Input.insertText', { text: '好的' })
    await laterThanTheComposition(ada.page)
    await ada.page.keyboard.press('Enter')
    const { e } = await mia.heard('event', ({ e }) => e.kind === 'message' && e.by.kind === 'agent')
    expect(e.text).toBe('好的')
  })
})

const compose = (ime: CDPSession, text: string) => ime.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length })

/** As Chromium tells a page of an Enter that the input method takes: the key code 229. */
async function enterWhileComposing(ime: CDPSession): Promise<void> {
  for (const type of ['rawKeyDown', 'keyUp'] as const) {
    await ime.send('Input.dispatchKeyEvent', { type, key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 })
  }
}

/** A page takes an Enter that comes within 30 ms of a composition's end for a part of it, as Safari sends it; a hand is slower. */
const laterThanTheComposition = (page: Page) => page.evaluate(() => new Promise(done => setTimeout(done, 60)))
