/** Broadcasts as visitors see them; they are sent over the API. */
import { expect } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { broadcastWords } from '@words/broadcasts.ts'
import { violations } from './harness/axe.ts'
import { test as plain } from './harness/test.ts'
import { VisitorPage } from './pages/visitor.ts'

interface Made { id: string; version: number; delivered: number; read: number; state: string }

interface Publishing {
  /** Sends one out to all. */
  publish: (text: string, show?: 'card' | 'message', more?: object) => Promise<Made>
  withdraw: (one: Made) => Promise<void>
  now: (one: Made) => Promise<Made>
}

/** Every test takes back what it sent out. */
const test = plain.extend<{ cast: Publishing }>({
  cast: async ({ house, later }, use) => {
    const path = `/sites/${house.site.id}/broadcasts`
    const now = (one: Made) => house.ada.call<Made>('GET', `${path}/${one.id}`)
    const withdraw = async (one: Made) => {
      const { state, version } = await now(one)
      if (state === 'published') await house.ada.call('POST', `${path}/${one.id}/withdraw`, { version })
    }
    await use({
      now, withdraw,
      publish: async (text, show = 'card', more = {}) => {
        const draft = await house.ada.call<Made>('POST', path, { text, show, audience: { kind: 'all' }, ...more })
        later(() => withdraw(draft))
        return house.ada.call<Made>('POST', `${path}/${draft.id}/publish`, { version: draft.version })
      },
    })
  },
})

const { en, 'zh-CN': zh } = broadcastWords

const one = (at: VisitorPage, text: string): Locator => at.panel.getByRole('article').filter({ hasText: text })
const press = (at: VisitorPage, text: string, name: string) => one(at, text).getByRole('button', { name, exact: true }).click()
const quote = (at: VisitorPage, text: string): Locator => at.panel.getByRole('blockquote').filter({ hasText: text })

/** A visitor of whom the server knows. */
async function known(at: VisitorPage, word: string): Promise<VisitorPage> {
  await at.write(word)
  await at.kept(word).waitFor()
  return at
}

test('a broadcast reaches who is here and who comes back, not a newcomer, is answered, and goes when it is withdrawn', async ({ visitor, cast }) => {
  const [mia, tom] = [await known(await visitor(), 'I am Mia'), await known(await visitor(), 'I am Tom')]
  const address = tom.page.url()
  await tom.page.goto('about:blank')

  const text = 'We close at six today'
  const sent = await cast.publish(text)
  await one(mia, text).waitFor()
  await tom.page.goto(address)
  await one(tom, text).waitFor()
  await expect.poll(async () => (await cast.now(sent)).read, { timeout: 15_000 }).toBe(2)
  expect((await cast.now(sent)).delivered).toBe(2)

  const newcomer = await known(await visitor(), 'I am new')
  expect(await one(newcomer, text).count()).toBe(0)

  await press(mia, text, en.reply)
  await known(mia, 'Thank you')
  await one(mia, text).getByRole('button', { name: en.reply, exact: true }).waitFor() // and no longer an answer to it
  await quote(mia, text).waitFor()
  await known(mia, 'And one more')
  expect(await quote(mia, text).count()).toBe(1)
  await mia.page.reload()
  await quote(mia, text).waitFor()

  await cast.withdraw(sent)
  for (const page of [mia, tom]) await one(page, text).waitFor({ state: 'detached' })
  await quote(mia, text).waitFor({ state: 'detached' })
  await mia.kept('Thank you').waitFor()
})

test('a closed card stays closed after a reload, in other tabs too, and what it said counts as read', async ({ visitor, cast }) => {
  const mia = await known(await visitor(), 'I close things')
  const [first, second] = [await cast.publish('First word'), await cast.publish('Second word')]
  await one(mia, 'Second word').waitFor()
  await press(mia, 'First word', en.close)
  await one(mia, 'First word').waitFor({ state: 'detached' })
  await expect.poll(async () => (await cast.now(first)).read, { timeout: 15_000 }).toBe(1)
  for (const page of [mia, await mia.tab()]) {
    if (page === mia) await page.page.reload()
    await one(page, 'Second word').waitFor()
    expect(await one(page, 'First word').count()).toBe(0)
  }
  await cast.withdraw(second)
  await one(mia, 'Second word').waitFor({ state: 'detached' })
})

test('one in the conversation has its place, its links, its own direction, and an end', async ({ visitor, cast }) => {
  const mia = await known(await visitor({ clock: true }), 'Before it')
  const text = 'تخفيضات اليوم 🎉 https://shop.example/sale'
  await cast.publish(text, 'message', { expires_at: Date.now() + 3_600_000 })
  const word = mia.log.getByRole('article').filter({ hasText: 'تخفيضات' })
  await word.waitFor()
  const link = word.getByRole('link', { name: 'https://shop.example/sale' })
  expect(await link.getAttribute('href')).toBe('https://shop.example/sale')
  expect(await link.getAttribute('rel')).toContain('noopener')
  expect(await word.locator('p').evaluate(p => getComputedStyle(p).direction)).toBe('rtl')
  await known(mia, 'After it')
  const [before, here, after] = await Promise.all([mia.message('Before it'), word, mia.message('After it')].map(async line => (await line.boundingBox())?.y ?? 0))
  expect([before, here, after]).toEqual([before, here, after].sort((a = 0, b = 0) => a - b))
  expect(await word.getByRole('button', { name: en.close }).count()).toBe(0)
  await mia.page.clock.fastForward('01:01:00')
  await word.waitFor({ state: 'detached' })
})

test('none of them are wanted, and then they are again', async ({ visitor, cast }) => {
  const lin = await known(await visitor({ lang: 'zh-CN' }), '您好')
  await cast.publish('第一条')
  await one(lin, '第一条').waitFor()
  await press(lin, '第一条', zh.stop)
  await lin.panel.getByText(zh.off).waitFor()
  await lin.page.reload()
  await lin.panel.getByText(zh.off).waitFor()
  await cast.publish('第二条')
  await lin.panel.getByRole('button', { name: zh.again }).click()
  await lin.panel.getByText(zh.off).waitFor({ state: 'detached' })
  await cast.publish('第三条')
  await one(lin, '第三条').waitFor()
  expect(await one(lin, '第二条').count()).toBe(0)
})

test('by the keys alone, in the frame of a website', async ({ visitor, house, cast }) => {
  const shop = await visitor({ path: `/demo?site=${house.site.key}` })
  await shop.openPanel()
  await known(shop, 'By keys')
  await shop.page.keyboard.press('Escape')
  await cast.publish('Close me')
  await cast.publish('Answer me')
  await shop.unread(2).waitFor()
  await shop.page.keyboard.press('Enter') // the button has the focus
  await one(shop, 'Answer me').waitFor()
  await shop.field.and(focused(shop)).waitFor()
  await tabTo(shop, one(shop, 'Close me').getByRole('button', { name: en.close }), 'Shift+Tab')
  await shop.page.keyboard.press('Enter')
  await one(shop, 'Close me').waitFor({ state: 'detached' })
  await one(shop, 'Answer me').getByRole('button', { name: en.close }).and(focused(shop)).waitFor()
  await tabTo(shop, one(shop, 'Answer me').getByRole('button', { name: en.reply, exact: true }))
  await shop.page.keyboard.press('Space')
  await shop.field.and(focused(shop)).waitFor()
  await shop.page.keyboard.type('Answered')
  await shop.page.keyboard.press('Enter')
  await quote(shop, 'Answer me').waitFor()
  await tabTo(shop, one(shop, 'Answer me').getByRole('button', { name: en.stop }), 'Shift+Tab')
  await shop.page.keyboard.press('Enter')
  await shop.panel.getByRole('button', { name: en.again }).and(focused(shop)).waitFor()
  await shop.page.keyboard.press('Enter')
  await shop.panel.getByText(en.off).waitFor({ state: 'detached' })
  await one(shop, 'Answer me').getByRole('button', { name: en.close }).and(focused(shop)).waitFor()
  await shop.page.keyboard.press('Enter')
  await shop.field.and(focused(shop)).waitFor()
})

const focused = (at: VisitorPage) => at.panel.locator(':focus')

async function tabTo(at: VisitorPage, target: Locator, key = 'Tab'): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await at.page.keyboard.press(key)
    if (await target.evaluate(one => one.matches(':focus'))) return
  }
  throw new Error(`${key} does not reach ${String(target)}`)
}

/** Lets a script of the widget fail so often, and tells when it has come. */
async function failing(page: Page, name: string, times: number): Promise<void> {
  await page.route(new RegExp(`/assets/${name}-[^/]*\\.js$`), route => route.abort('connectionreset'), { times })
}

test('code that the network does not bring is asked for again, and nothing is lost meanwhile', async ({ visitor, cast, screen }) => {
  screen.expected.push(/net::ERR_CONNECTION_RESET/)
  const mia = await known(await visitor(), 'Patient')
  await failing(mia.page, 'broadcasts', 2)
  await failing(mia.page, 'view', 1)
  const failed = mia.page.waitForEvent('requestfailed', request => request.url().includes('/broadcasts-'))
  await cast.publish('Came first')
  await failed
  const gone = await cast.publish('Came and went')
  await cast.publish('Came last', 'message')
  await cast.withdraw(gone)
  await one(mia, 'Came last').waitFor()
  expect(await mia.panel.getByRole('article').locator('p').allInnerTexts()).toEqual(['Came first', 'Came last'])
})

test.for([
  { lang: 'en', dark: false, width: 1440 }, { lang: 'zh-CN', dark: true, width: 390 },
] as const)('axe finds nothing: %o', async ({ lang, dark, width }, { screen, house, cast, wire }) => {
  const context = await screen.person({ locale: lang, colorScheme: dark ? 'dark' : 'light', viewport: { width, height: 844 }, hasTouch: width < 500 })
  const mia = await known(await VisitorPage.open(await context.newPage(), `${house.kefu.origin}/chat/${house.site.key}`, lang), `Looked at ${lang}`)
  const t = broadcastWords[lang]
  await cast.publish('A long card. '.repeat(120), 'card')
  await cast.publish('In the conversation', 'message')
  await one(mia, 'In the conversation').waitFor()
  const found = await violations(mia.page)
  await press(mia, 'In the conversation', t.reply)
  await known(mia, 'An answer')
  await quote(mia, 'In the conversation').waitFor()
  found.push(...(await violations(mia.page)))
  await press(mia, 'A long card', t.stop)
  await mia.panel.getByText(t.off).waitFor()
  found.push(...(await violations(mia.page)))
  expect(found).toEqual([])
  expect(await mia.page.evaluate(() => document.documentElement.scrollWidth > innerWidth)).toBe(false)
  const ada = await wire.agent()
  await ada.find('An answer')
})
