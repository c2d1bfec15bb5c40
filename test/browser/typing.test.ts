/** What is typed right after the chat was opened on a website, whose frame the browser runs in a process of its own. */
import { expect } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { test as plain } from './harness/test.ts'
import { startWebsite, type Website } from './harness/website.ts'
import { VisitorPage } from './pages/visitor.ts'

/** Enough of them: without the rule of the second test three of four such openings lost their first letters. */
const openings = 8

const test = plain.extend<{ website: Website }>({
  website: async ({ house, later }, use) => {
    const website = await startWebsite({ home: `http://chat.test:${house.kefu.port}`, key: house.site.key })
    later(() => website.stop())
    await house.ada.allow(website.at('shop.test'))
    await use(website)
  },
})

/** Opens the chat at the moment at which the frame's document takes its place: its new process then speaks of the focus too. */
const openAtSwap = (page: Page) => page.evaluate(() => new Promise<void>(opened => {
  const { port1, port2 } = new MessageChannel()
  const again = () => { port2.postMessage(0) }
  const look = () => {
    const root = document.querySelector('kefu-widget')?.shadowRoot
    const frame = root?.querySelector('iframe')
    if (!frame?.src) return void setTimeout(look, 5)
    if (frame.contentDocument) return void again()
    const button = root?.querySelector('button')
    button?.focus()
    button?.click()
    opened()
  }
  port1.onmessage = look
  look()
}))

/** Types without touching the field, once it shows that it has the focus. */
async function type(shop: VisitorPage, text: string): Promise<void> {
  await shop.field.and(shop.panel.locator(':focus')).waitFor()
  await shop.page.keyboard.type(text)
}

const focused = (button: Locator) => button.evaluate(one => one.matches(':focus'))

test('the first letters reach the field, whenever the chat is opened', async ({ website, screen }) => {
  const context = await screen.person()
  for (let i = 0; i < openings; i++) {
    const shop = await VisitorPage.open(await context.newPage(), website.at('shop.test'))
    await openAtSwap(shop.page)
    await type(shop, 'Hello')
    await expect.poll(() => shop.field.inputValue(), { message: `opening ${i + 1}` }).toBe('Hello')
    await shop.page.close()
  }
})

test('the button keeps the focus until the frame listens', async ({ website, screen }) => {
  const context = await screen.person()
  let arrive = () => {}
  const arrived = new Promise<void>(done => { arrive = done })
  await context.route(/\/widget\/frame\.html/, async route => {
    await arrived
    await route.continue()
  })
  const shop = await VisitorPage.open(await context.newPage(), website.at('shop.test'))
  await shop.opener.click()
  const button = shop.page.locator('kefu-widget button')
  await expect.poll(() => button.getAttribute('aria-expanded')).toBe('true')
  expect(await focused(button)).toBe(true)
  arrive()
  await type(shop, 'Slow, but whole')
  await shop.page.keyboard.press('Enter')
  await shop.kept('Slow, but whole').waitFor()
  await shop.page.keyboard.press('Escape')
  await expect.poll(() => focused(button)).toBe(true)
  await shop.page.keyboard.press('Enter')
  await type(shop, 'Again')
  await expect.poll(() => shop.field.inputValue()).toBe('Again')
})
