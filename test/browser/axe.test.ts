/** axe-core finds nothing, on any page and in any state, in both themes, both languages, on a desk and on a phone. */
import { describe, expect } from 'vitest'
import type { BrowserContext, Page } from 'playwright-core'
import { translator, type Lang } from '@words/words.ts'
import { broadcastWords } from '../../web/console/src/features/broadcasts/words.ts'
import { handlingWords } from '../../web/console/src/features/visitors/handlingWords.ts'
import { paletteWords } from '../../web/console/src/features/palette/words.ts'
import { signingWords } from '../../web/console/src/features/settings/signingWords.ts'
import { webhookWords } from '../../web/console/src/features/settings/webhooks/words.ts'
import { shortcutWords } from '../../web/console/src/features/shortcuts/words.ts'
import { violations } from './harness/axe.ts'
import { cutOff, notYet } from './harness/browser.ts'
import { Kefu } from './harness/kefu.ts'
import { Proxy } from './harness/proxy.ts'
import { ofSize, pdf, png } from './harness/pictures.ts'
import { Account } from './harness/rest.ts'
import { exchange, makeSecret, removeSigners, signer, type Claims } from './harness/token.ts'
import { test as plain, type House } from './harness/test.ts'
import { startWebsite } from './harness/website.ts'
import { AgentPage } from './pages/agent.ts'
import { FilesOn } from './pages/files.ts'
import { VisitorPage } from './pages/visitor.ts'

interface Variant {
  lang: Lang
  dark: boolean
  wide: boolean
}

const variants: Variant[] = [
  { lang: 'en', dark: false, wide: true },
  { lang: 'zh-CN', dark: true, wide: true },
  { lang: 'zh-CN', dark: false, wide: false },
  { lang: 'en', dark: true, wide: false },
]
const nameOf = ({ lang, dark, wide }: Variant) => `${lang}, ${dark ? 'dark' : 'light'}, ${wide ? 'desk' : 'phone'}`

interface Look {
  /** A browser of this variant. */
  person: (variant: Variant) => Promise<BrowserContext>
  /** Collects what axe finds in a page, under the name of its state. */
  look: (page: Page, state: string) => Promise<void>
}

const test = plain.extend<Look>({
  person: async ({ screen }, use) => {
    await use(({ lang, dark, wide }) => screen.person({
      locale: lang === 'en' ? 'en-US' : lang, colorScheme: dark ? 'dark' : 'light',
      viewport: wide ? { width: 1440, height: 900 } : { width: 390, height: 844 }, hasTouch: !wide,
    }))
  },
  look: async ({}, use) => {
    const found: string[] = []
    await use(async (page, state) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      found.push(...(wide ? [`${state}: wider than the screen`] : []), ...(await violations(page)).map(one => `${state}: ${one}`))
    })
    expect(found).toEqual([])
  },
})

test('axe finds what is planted, in a page and in a frame on it', async ({ house, visitor }) => {
  const shop = await visitor({ path: `/demo?site=${house.site.key}` })
  await shop.openPanel()
  for (const frame of shop.page.frames()) {
    await frame.evaluate(() => {
      document.body.prepend(document.createElement('button'))
    })
  }
  expect((await violations(shop.page)).filter(one => one.startsWith('button-name'))).toHaveLength(2)
})

describe.each(variants)('$lang, dark $dark, wide $wide:', variant => {
  test('set-up', async ({ person, look, later, screen }) => {
    screen.expected.push(notYet)
    const kefu = await Kefu.start()
    later(() => kefu.stop())
    const page = await (await person(variant)).newPage()
    await page.goto(kefu.setupLink)
    await page.getByRole('textbox').first().waitFor()
    await look(page, 'first step')
    await page.getByRole('button').last().click()
    await look(page, 'first step with its errors')
    const [name, email, password] = await page.getByRole('textbox').all()
    await name?.fill('Ada')
    await email?.fill('ada@shop.example')
    await password?.fill('correct horse battery staple')
    await page.keyboard.press('Enter')
    await page.getByRole('textbox').nth(1).waitFor({ state: 'detached' })
    await look(page, 'second step')
    await page.goto(`${kefu.origin}/console/setup`)
    await page.getByRole('heading').first().waitFor()
    await look(page, 'without the secret')
  })

  test('log-in and link', async ({ person, look, house, screen }) => {
    screen.expected.push(notYet, /status of 401 .*log-in/)
    const context = await person(variant)
    const page = await context.newPage()
    await page.goto(`${house.kefu.origin}/console/login`)
    await page.getByRole('textbox').first().waitFor()
    await look(page, 'log-in')
    await page.getByRole('textbox').first().fill('nobody@shop.example')
    await page.getByRole('textbox').nth(1).fill('wrong wrong wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor()
    await look(page, 'log-in refused')
    await page.goto(await house.ada.inviteLink(`Guest ${nameOf(variant)}`, house.site, 'agent'))
    await page.getByRole('textbox').waitFor()
    await look(page, 'link')
    await page.goto(`${house.kefu.origin}/console/link`)
    await page.getByRole('link').waitFor()
    await look(page, 'link without its secret')
  })

  test('inbox', async ({ person, look, house, wire, screen, later }) => {
    screen.expected.push(...cutOff)
    const proxy = await Proxy.start(house.kefu.port)
    later(() => proxy.stop())
    const ada = await consoleOf(await person(variant), house, variant, '', proxy.origin)
    await look(ada.page, 'list')
    const name = `Mia ${nameOf(variant)}`
    const mia = await wire.visitor({ says: { name, email: 'mia@shop.example', fields: { plan: 'gold' } }, language: 'zh-CN', page: { url: 'https://shop.example/harbour', title: 'Harbour' } })
    await mia.command({ t: 'send', text: '你好 hello https://shop.example' })
    await ada.tab('waiting').click()
    await ada.row(name).click()
    await ada.message('你好 hello https://shop.example').first().waitFor()
    await look(ada.page, 'waiting conversation')
    await ada.button('take').click()
    await ada.reply('An answer')
    await ada.note('A note')
    mia.send({ t: 'typing', on: true })
    await ada.message('A note').first().waitFor()
    await look(ada.page, 'conversation')
    await lookAtFiles(new FilesOn(ada.sheet, ada.page, ada.t('attach'), variant.lang), ada.page, () => ada.field.press('Enter'), look)
    await ada.composer.getByRole('radio', { name: ada.t('noteMode'), exact: true }).check()
    await look(ada.page, 'note mode')
    await ada.sheet.getByRole('button', { name: ada.t('assign') }).click()
    await ada.page.getByRole('menu').waitFor()
    await look(ada.page, 'menu of agents')
    await ada.page.keyboard.press('Escape')
    await ada.page.keyboard.press('Control+k')
    await ada.page.getByRole('dialog', { name: translator(paletteWords, variant.lang)('title') }).waitFor()
    await look(ada.page, 'palette')
    await ada.page.keyboard.press('Escape')
    await ada.page.getByRole('dialog').waitFor({ state: 'detached' })
    if (variant.wide) {
      await ada.field.press('Escape')
      await ada.page.keyboard.press('?')
      await ada.page.getByRole('dialog', { name: translator(shortcutWords, variant.lang)('title') }).waitFor()
      await look(ada.page, 'list of keys')
      await ada.page.keyboard.press('Escape')
    } else {
      await ada.sheet.getByRole('button', { name: ada.t('details') }).click()
      await ada.page.getByRole('complementary', { name: ada.t('details') }).waitFor()
      await look(ada.page, 'details')
      await ada.page.getByRole('button', { name: ada.t('closeDetails') }).first().click()
    }
    proxy.set('cut')
    await ada.banner.waitFor()
    await look(ada.page, 'without a connection')
  })

  test('a visitor whom the website knows, until it is erased', async ({ person, look, house, wire, later }) => {
    const sign = await signer(house.ada, house.site)
    later(() => removeSigners(house.ada, house.site))
    const come = async (claims: Claims, before?: string) => wire.visitor({ secret: await exchange(house.kefu, house.site, sign(claims), before) })
    const before = makeSecret()
    await (await wire.visitor({ secret: before })).command({ t: 'send', text: `Carried ${nameOf(variant)}` })
    const old = await (await wire.agent()).find(`Carried ${nameOf(variant)}`)
    const mia = await come({ sub: nameOf(variant), name: 'مريم 🌸', email: 'mia@shop.example', fields: { plan: 'pro' } }, before)
    mia.send({ t: 'says', says: { name: 'The boss' } })
    const ada = await consoleOf(await person(variant), house, variant)
    await ada.page.goto(`${house.kefu.origin}/console/conversations/${old}`)
    await ada.sheet.getByText(ada.t('hasEnded')).waitFor()
    await look(ada.page, 'ended')
    await ada.sheet.locator('footer').getByRole('link').click()
    await ada.sheet.getByText(ada.t('takenAlong')).waitFor()
    await look(ada.page, 'taken along')
    const facts = ada.page.getByRole('complementary', { name: ada.t('details') })
    if (!variant.wide) await ada.sheet.getByRole('button', { name: ada.t('details') }).click()
    await facts.getByText('The boss').waitFor()
    await look(ada.page, 'who says what')
    const choose = async (act: 'exportIt' | 'eraseIt') => {
      await facts.getByRole('button', { name: ada.t('acts') }).click()
      await ada.page.getByRole('menuitem', { name: ada.t(act) }).click()
      await ada.page.getByRole('dialog').waitFor()
    }
    await choose('exportIt')
    await look(ada.page, 'export')
    await ada.page.keyboard.press('Escape')
    await choose('eraseIt')
    await look(ada.page, 'what goes')
    const t = translator(handlingWords, variant.lang)
    await ada.page.getByRole('button', { name: t('erase') }).click()
    await ada.page.getByText(t('receiptText')).waitFor()
    await look(ada.page, 'receipt')
    await ada.page.getByRole('button', { name: t('done') }).click()
    await ada.sheet.getByText(ada.t('gone')).waitFor()
    await look(ada.page, 'gone')
  })

  test('visitors, settings, and a page that is not there', async ({ person, look, house, wire }) => {
    await wire.visitor({ says: { name: 'Nora' }, page: { url: 'https://shop.example/harbour', title: 'Harbour', referrer: 'https://search.example/' } })
    const context = await person(variant)
    const paths = ['visitors', 'settings', 'settings/profile', 'settings/security', 'settings/alerts', 'settings/people', 'settings/sites/new', `settings/sites/${house.site.id}`, 'nowhere']
    const ada = await consoleOf(context, house, variant)
    for (const path of paths) {
      await ada.page.goto(`${house.kefu.origin}/console/${path}`)
      await ada.page.getByRole('heading', { level: 1 }).first().waitFor()
      await expect.poll(() => ada.page.locator('.sk').count()).toBe(0)
      await look(ada.page, path)
    }
  })

  test('signing keys and webhooks', async ({ person, look, house, later }) => {
    const [s, w] = [translator(signingWords, variant.lang), translator(webhookWords, variant.lang)]
    const rest = `/sites/${house.site.id}`
    const { page } = await consoleOf(await person(variant), house, variant)
    await page.goto(`${house.kefu.origin}/console/settings${rest}`)
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: s('create') }).click()
    await dialog.getByRole('group', { name: s('variables') }).waitFor()
    await look(page, 'secret of a signing key')
    await dialog.getByRole('button', { name: s('done') }).click()
    const { key } = await house.ada.call<{ key: { id: string } }>('POST', `${rest}/signing-keys`)
    const { keys } = await house.ada.call<{ keys: { id: string }[] }>('GET', `${rest}/signing-keys`)
    for (const { id } of keys) later(() => house.ada.call('DELETE', `${rest}/signing-keys/${id}`))
    await page.reload()
    await page.getByRole('button', { name: s('revokeOf', { id: key.id }) }).click()
    await dialog.waitFor()
    await look(page, 'the question before a signing key is revoked')
    const { webhook } = await house.ada.call<{ webhook: { id: string } }>('POST', `${rest}/webhooks`, { name: 'Tickets', url: 'https://hooks.invalid/kefu', types: ['round.opened'], on: true })
    later(() => house.ada.call('DELETE', `${rest}/webhooks/${webhook.id}`))
    await house.ada.call('POST', `${rest}/webhooks/${webhook.id}/ping`)
    await page.goto(`${house.kefu.origin}/console/settings${rest}/webhooks`)
    await page.getByRole('link', { name: 'Tickets' }).waitFor()
    await look(page, 'webhooks')
    await page.getByRole('button', { name: w('create') }).click()
    await dialog.getByRole('button', { name: w('create') }).click()
    await dialog.getByText(w('needAddress')).waitFor()
    await look(page, 'a webhook with its errors')
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Tickets' }).click()
    await page.locator('tr.delivery [aria-expanded=false]').last().click()
    await page.locator('tr.delivery__more').waitFor()
    await look(page, 'a webhook with its log')
  })

  test('broadcasts', async ({ person, look, house }) => {
    const t = translator(broadcastWords, variant.lang)
    const path = `/sites/${house.site.id}/broadcasts`
    const make = (text: string) => house.ada.call<{ id: string; version: number }>('POST', path, { text, show: 'card', audience: { kind: 'segment', language: 'tlh' } })
    const one = await make('مرحبا 👋 nuqneH')
    await house.ada.call('POST', `${path}/${one.id}/publish`, { version: one.version })
    await make('x'.repeat(4000))
    const { page } = await consoleOf(await person(variant), house, variant, 'broadcasts')
    await page.getByRole('link', { name: '👋' }).first().waitFor()
    await look(page, 'broadcasts')
    await page.getByRole('link', { name: '👋' }).first().click()
    await page.getByRole('button', { name: t('withdraw') }).waitFor()
    await look(page, 'a broadcast that is out')
    await page.goto(`${house.kefu.origin}/console/broadcasts/${house.site.id}/new`)
    const send = page.getByRole('button', { name: new RegExp(`^${t('sendPlain')}`) })
    await page.getByRole('radio', { name: t('segment') }).check()
    await send.click()
    await page.getByText(t('needText')).waitFor()
    await look(page, 'a broadcast with its errors')
    await page.getByRole('radio', { name: t('everybody') }).check()
    await page.getByRole('textbox', { name: t('text') }).fill('你好 hello')
    await send.click()
    await page.getByRole('dialog').waitFor()
    await look(page, 'the question before it is sent')
  })

  test('widget', async ({ person, look, house, wire, later, screen }) => {
    screen.expected.push(...cutOff)
    const proxy = await Proxy.start(house.kefu.port)
    later(() => proxy.stop())
    const website = await startWebsite({ home: proxy.origin, key: house.site.key, lang: variant.lang })
    later(() => website.stop())
    await house.ada.allow(website.at('shop.localhost'))
    const shop = await VisitorPage.open(await (await person(variant)).newPage(), website.at('shop.localhost'), variant.lang)
    await shop.opener.waitFor()
    await look(shop.page, 'closed')
    await shop.openPanel()
    await look(shop.page, 'first page')
    const text = `A question, ${nameOf(variant)}`
    await shop.write(text)
    await shop.kept(text).waitFor()
    const ada = await wire.agent()
    const c = await ada.find(text)
    await ada.command({ t: 'send', c, text: 'An answer with https://shop.example/a' })
    ada.send({ t: 'typing', c, on: true })
    await shop.message('An answer with https://shop.example/a').waitFor()
    await look(shop.page, 'chat')
    await lookAtFiles(new FilesOn(shop.panel, shop.panel, shop.t('attach'), variant.lang), shop.page, () => shop.field.press('Enter'), look)
    proxy.set('cut')
    await shop.lost.waitFor()
    await shop.write('Unsent')
    await shop.marked('Unsent', 'waits').waitFor()
    await look(shop.page, 'without a connection')
    proxy.set('whole')
    // It comes back by itself, perhaps before anybody could ask for it.
    await shop.panel.getByRole('button', { name: shop.t('retry') }).click({ timeout: 3_000 }).catch(() => undefined)
    await shop.kept('Unsent').waitFor()
    await shop.field.fill('x'.repeat(20_001))
    await shop.panel.getByText(shop.t('over', { n: 1 })).waitFor()
    await look(shop.page, 'too long')
  })

  test('the page of its own, and the demo shop', async ({ person, look, later }) => {
    const kefu = await Kefu.start()
    later(() => kefu.stop())
    const ada = await Account.setUp(kefu, 'Ada', 'Harbour')
    const context = await person(variant)
    const chat = await VisitorPage.open(await context.newPage(), `${kefu.origin}/chat/${(await ada.site()).key}`, variant.lang)
    await chat.field.waitFor()
    await look(chat.page, 'first page')
    await chat.write('Hello')
    await chat.kept('Hello').waitFor()
    await look(chat.page, 'chat')
    const demo = await VisitorPage.open(await context.newPage(), `${kefu.origin}/demo`, variant.lang)
    await demo.opener.waitFor()
    await look(demo.page, 'demo')
  })
})

/** Files in the composer, one of them refused; in the conversation; and in the lightbox. */
async function lookAtFiles(files: FilesOn, page: Page, send: () => Promise<void>, look: Look['look']): Promise<void> {
  await files.choose(png('harbour.png', 400, 300, [40, 90, 160]), pdf('invoice.pdf'), ofSize('empty.txt', 0))
  await files.uploaded(3)
  await look(page, 'files in the composer')
  await files.chip('empty.txt').getByRole('button', { name: files.t('remove', { name: 'empty.txt' }) }).click()
  await send()
  await files.card('invoice.pdf').waitFor()
  await look(page, 'files in the conversation')
  await files.picture('harbour.png').click()
  await files.looking('harbour.png')
  await look(page, 'lightbox')
  await page.keyboard.press('Escape')
  await files.box.waitFor({ state: 'detached' })
}

async function consoleOf(context: BrowserContext, house: House, { lang }: Variant, path = '', origin = house.kefu.origin): Promise<AgentPage> {
  await context.addCookies([{ name: 'kefu', value: house.ada.token, url: origin }])
  return AgentPage.open(await context.newPage(), `${origin}/console/${path}`, lang)
}
