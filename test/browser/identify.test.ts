/** Visitors whom their website knows: they come in, go on, take their chat along, and go; nobody sees the one before. */
import { describe, expect } from 'vitest'
import type { BrowserContext, Page } from 'playwright-core'
import { identityWords } from '@words/identity.ts'
import type { Lang } from '@words/words.ts'
import { violations } from './harness/axe.ts'
import { cutOff } from './harness/browser.ts'
import { Proxy } from './harness/proxy.ts'
import { test as plain } from './harness/test.ts'
import { signer, type Claims } from './harness/token.ts'
import { startWebsite } from './harness/website.ts'
import { Peer } from './harness/wire.ts'
import { VisitorPage } from './pages/visitor.ts'

/** A website whose pages know who is logged in: nobody, until it is said. */
interface Shop {
  context: BrowserContext
  claims: Claims | undefined
  /** Whether its pages name the person beside the token. */
  names: boolean
  /** How many tokens its pages have given, and how many the widget has exchanged. */
  given: number
  exchanged: number
  open: (path?: string) => Promise<VisitorPage>
}

interface Websites {
  sign: (claims: Claims) => string
  shop: (who?: Claims, where?: { origin?: string; lang?: Lang; clock?: boolean; dark?: boolean; width?: number }) => Promise<Shop>
}

const test = plain.extend<Websites>({
  sign: [async ({ house }, use) => { await use(await signer(house.ada, house.site)) }, { scope: 'file' }],
  shop: async ({ house, screen, sign }, use) => {
    await use(async (who, { origin = house.kefu.origin, lang = 'en', clock = false, dark = false, width = 1280 } = {}) => {
      const context = await screen.person({ locale: lang === 'en' ? 'en-US' : lang, colorScheme: dark ? 'dark' : 'light', viewport: { width, height: 844 } })
      if (clock) await context.clock.install()
      const shop: Shop = {
        context, claims: who, names: true, given: 0, exchanged: 0,
        open: async (path = '/demo') => VisitorPage.open(await context.newPage(), `${origin}${path}?site=${house.site.key}`, lang),
      }
      context.on('request', request => { if (request.method() === 'POST' && request.url().endsWith('/log-in')) shop.exchanged++ })
      await context.exposeFunction('shopToken', () => {
        shop.given++
        return shop.claims ? sign(shop.claims) : undefined
      })
      await context.exposeFunction('shopPerson', () => ({ sub: shop.claims?.sub, named: shop.names ? shop.claims?.sub : undefined }))
      await context.addInitScript(knowing)
      return shop
    })
  },
})

/** What such a page does: it says at its beginning who is logged in. Frames have it, too, and do nothing. */
function knowing(): void {
  if (window !== top) return
  const scope = window as unknown as { Kefu: unknown[]; errors: string[]; shopToken: () => Promise<string>; shopPerson: () => Promise<{ sub?: string; named?: string }> }
  scope.errors = []
  scope.Kefu = [['on', 'error', ({ code }: { code: string }) => scope.errors.push(code)]]
  void scope.shopPerson().then(({ sub, named }) => sub && scope.Kefu.push(['identify', scope.shopToken, named]))
}

interface Api {
  identify: (token: unknown, who?: string) => void
  logout: () => Promise<boolean>
}
const logout = (page: Page) => page.evaluate(() => (window as unknown as { Kefu: Api }).Kefu.logout())
const identify = (page: Page, who: string) => page.evaluate(who => {
  const scope = window as unknown as { Kefu: Api; shopToken: () => Promise<string> }
  scope.Kefu.identify(scope.shopToken, who)
}, who)
const errors = (page: Page) => page.evaluate(() => (window as unknown as { errors: string[] }).errors)
const stored = (page: Page, mark: '.' | ':') => page.evaluate(mark => {
  const own = new RegExp(`^kefu[${mark}][^.]+[.]`)
  return Object.fromEntries(Object.entries({ ...localStorage }).filter(([key]) => own.test(key)).map(([key, value]) => [key.replace(own, ''), value as string]))
}, mark)
/** What a frame of the page's own origin keeps, by its name. */
const kept = (page: Page) => stored(page, '.')
/** What the page has a copy of, by its name. */
const copy = (page: Page) => stored(page, ':')
/** Waits until the log-in of this person is kept, and the frame has begun anew for it. */
const loggedIn = (page: Page, who: string) => expect.poll(async () => (await kept(page))['who'], { timeout: 15_000 }).toBe(who)

describe('a visitor whom the website knows', () => {
  test('is verified, comes back without a token, and has one chat on all devices', async ({ shop, wire }) => {
    const mias = await shop({ sub: 'mia', name: 'Mia Wong', email: 'mia@shop.example' })
    const mia = await mias.open()
    await loggedIn(mia.page, 'mia')
    await mia.openPanel()
    expect(await mia.panel.getByRole('textbox').count(), 'nobody asks for a name').toBe(1)
    await mia.write('Where is my parcel?')
    await mia.kept('Where is my parcel?').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('Where is my parcel?')
    const { visitor } = await ada.open(c)
    expect([visitor?.verified, visitor?.vouched?.id, visitor?.vouched?.name]).toEqual([true, 'mia', 'Mia Wong'])
    await mia.page.reload()
    await mia.openPanel()
    await mia.message('Where is my parcel?').waitFor()
    expect([mias.given, mias.exchanged]).toEqual([1, 1])
    const phone = await (await shop({ sub: 'mia' })).open()
    await loggedIn(phone.page, 'mia')
    await phone.openPanel()
    await phone.message('Where is my parcel?').waitFor()
    await ada.command({ t: 'send', c, text: 'On its way' })
    await Promise.all([mia.message('On its way').waitFor(), phone.message('On its way').waitFor()])
  })

  test('is exchanged once in two tabs, and found by the sub where the page names nobody', async ({ shop, wire }) => {
    const toms = await shop({ sub: 'tom' })
    toms.names = false
    const [one, two] = await Promise.all([toms.open(), toms.open()])
    await loggedIn(one.page, 'tom')
    await Promise.all([one.openPanel(), two.openPanel()])
    await one.write('From one')
    await two.message('From one').waitFor()
    // Once, but where one browser process hears of another's storage later than of its lock.
    const { exchanged } = toms
    expect(exchanged).toBeLessThanOrEqual(2)
    await two.page.goto('about:blank')
    await two.page.goBack()
    await two.openPanel()
    await two.message('From one').waitFor()
    expect([toms.exchanged, await errors(two.page)]).toEqual([exchanged, []])
    await one.page.close()
    const ada = await wire.agent()
    const c = await ada.find('From one')
    await expect.poll(async () => (await ada.open(c)).visitor?.presence).toBe('online')
  })

  test('is found by a tab that was there before, whose page names the same person', async ({ shop }) => {
    const browser = await shop(undefined)
    const [one, two] = [await browser.open(), await browser.open()]
    await Promise.all([one.openPanel(), two.openPanel()])
    browser.claims = { sub: 'una' }
    await identify(one.page, 'una')
    await loggedIn(one.page, 'una')
    await identify(two.page, 'una')
    await one.write('From one')
    await two.message('From one').waitFor()
    expect(browser.exchanged).toBe(1)
  })

  test('takes its chat along, and what could not be sent with "resend"', async ({ shop, wire }) => {
    const evas = await shop(undefined, { clock: true })
    const stuck = { on: false }
    await evas.context.routeWebSocket(/\/ws\/v1\/visitor/, socket => {
      const server = socket.connectToServer()
      socket.onMessage(message => { if (!stuck.on || !String(message).startsWith('{"t":"send"')) server.send(message) })
    })
    const eva = await evas.open()
    await eva.openPanel()
    await eva.write('Before the log-in')
    await eva.kept('Before the log-in').waitFor()
    stuck.on = true
    await eva.write('Never sent')
    evas.claims = { sub: 'eva' }
    await identify(eva.page, 'eva')
    await expect.poll(() => eva.panel.getByText(identityWords.en.wait).or(eva.message('Never sent')).count()).toBeGreaterThan(0)
    await expect.poll(async () => {
      await evas.context.clock.fastForward(2_000)
      return (await kept(eva.page))['who']
    }, { timeout: 15_000 }).toBe('eva')
    stuck.on = false
    await eva.marked('Never sent', 'notSent').waitFor()
    await eva.message('Before the log-in').waitFor()
    await eva.panel.getByRole('button', { name: eva.t('resend') }).click()
    await eva.kept('Never sent').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('Never sent'))).toEqual(['Before the log-in', 'Never sent'])
  })
})

describe.for([
  ['shop.test', 'without locks'],
  // As over TLS, the browser has locks there, and refuses them with the storage.
  ['shop.localhost', 'with locks that are refused'],
] as const)('a website under a strict policy, in a browser that blocks the storage of frames: %s, %s', ([name]) => {
  test('has the token in its page, also in one that was cached', async ({ house, screen, sign, later, wire }) => {
    const website = await startWebsite({ home: house.kefu.origin, key: house.site.key, policy: `default-src 'none'; script-src ${house.kefu.origin}; frame-src ${house.kefu.origin}` })
    later(() => website.stop())
    const origin = website.at(name)
    await house.ada.allow(origin)
    later(() => house.ada.allow())
    const context = await screen.person()
    let exchanged = 0
    context.on('request', request => { if (request.url().endsWith('/log-in')) exchanged++ })
    await context.addInitScript(token => Object.assign(window, { Kefu: [['set', { fields: { plan: 'pro' } }], ['identify', token]] }), sign({ sub: `ida of ${name}` }))
    const ida = await VisitorPage.open(await context.newPage(), origin)
    await expect.poll(() => copy(ida.page)).toMatchObject({ who: `ida of ${name}` })
    await ida.openPanel()
    const text = `Under a policy, at ${name}`
    await ida.write(text)
    await ida.kept(text).waitFor()
    const ada = await wire.agent()
    const { visitor } = await ada.open(await ada.find(text))
    expect([visitor?.vouched?.id, visitor?.says?.fields]).toEqual([`ida of ${name}`, { plan: 'pro' }])
    await ida.page.reload()
    await ida.openPanel()
    await ida.message(text).waitFor()
    expect(exchanged).toBe(1)
  })
})

describe('the next person at the same computer', () => {
  test('sees nothing of the one before, and the log-in is revoked', async ({ shop, house }) => {
    const browser = await shop({ sub: 'ann' })
    const page = await browser.open()
    await loggedIn(page.page, 'ann')
    await page.openPanel()
    await page.write('Only for Ann')
    await page.kept('Only for Ann').waitFor()
    const anns = (await kept(page.page))['secret'] ?? ''
    browser.claims = { sub: 'bob' }
    await identify(page.page, 'bob')
    await loggedIn(page.page, 'bob')
    await page.field.waitFor()
    expect(await page.messages()).toEqual([])
    await expect(Peer.visitor(house.kefu, house.site.key, { secret: anns })).rejects.toThrow(/log_in_ended/)
    await page.write('I am Bob')
    await page.kept('I am Bob').waitFor()
    expect(await page.messages()).toEqual(['I am Bob'])
  })

  test('sees nothing after a log-out, which asks when something is unsent', async ({ shop, house, screen, later }) => {
    screen.expected.push(...cutOff)
    const proxy = await Proxy.start(house.kefu.port)
    later(() => proxy.stop())
    const browser = await shop({ sub: 'cat' }, { origin: proxy.origin })
    const cat = await browser.open()
    await loggedIn(cat.page, 'cat')
    await cat.openPanel()
    await cat.write('Sent')
    await cat.kept('Sent').waitFor()
    proxy.set('cut')
    await cat.write('Unsent')
    await cat.marked('Unsent', 'waits').waitFor()
    const { sure, stay, leave } = identityWords.en
    const question = cat.panel.getByRole('alertdialog', { name: sure })
    for (const no of ['Escape', 'Enter', stay]) {
      const answer = logout(cat.page)
      await question.waitFor()
      await expect.poll(() => cat.panel.getByRole('button', { name: stay }).evaluate(button => button === document.activeElement)).toBe(true)
      if (no === stay) await cat.panel.getByRole('button', { name: stay }).click()
      else await cat.page.keyboard.press(no)
      expect(await answer).toBe(false)
      await cat.message('Unsent').waitFor()
    }
    const gone = logout(cat.page)
    await question.waitFor()
    await cat.page.keyboard.press('Tab')
    await expect.poll(() => cat.panel.getByRole('button', { name: leave }).evaluate(button => button === document.activeElement)).toBe(true)
    await cat.page.keyboard.press('Enter')
    expect(await gone).toBe(true)
    expect(await errors(cat.page)).toEqual(['not_revoked'])
    expect(Object.keys(await kept(cat.page))).toEqual([])
  })

  test('finds the other tabs logged out, too', async ({ shop }) => {
    const browser = await shop({ sub: 'dan' })
    const [one, two] = [await browser.open(), await browser.open()]
    await loggedIn(one.page, 'dan')
    await two.openPanel()
    await one.openPanel()
    await one.write('Mine')
    await Promise.all([one.kept('Mine').waitFor(), two.message('Mine').waitFor()])
    browser.claims = undefined
    expect(await logout(one.page)).toBe(true)
    await two.panel.getByText(identityWords.en.login).waitFor()
    await two.panel.getByRole('button', { name: identityWords.en.anew }).click()
    await Promise.all([one.field.waitFor(), two.field.waitFor()])
    expect([await one.messages(), await two.messages()]).toEqual([[], []])
  })

  test('begins anew also where the page has a copy still, as one of another origin has whose frame shares what is kept', async ({ shop, house }) => {
    const browser = await shop({ sub: 'ben' })
    const [one, two] = [await browser.open(), await browser.open()]
    await loggedIn(one.page, 'ben')
    await two.openPanel()
    const { key } = house.site
    await expect.poll(async () => (await copy(two.page))['who']).toBe('ben')
    const before = await copy(two.page)
    browser.claims = undefined
    expect(await logout(one.page)).toBe(true)
    await one.page.close()
    await two.panel.getByText(identityWords.en.login).waitFor()
    await two.page.evaluate(([key, before]) => { for (const [name, value] of Object.entries(before)) localStorage.setItem(`kefu:${key}.${name}`, value) }, [key, before] as const)
    await two.panel.getByRole('button', { name: identityWords.en.anew }).click()
    await two.field.waitFor()
    expect(Object.keys(await copy(two.page)).filter(key => key !== 'face')).toEqual([])
  })
})

describe('a log-in that was ended elsewhere', () => {
  test('is made anew with a fresh token, and the chat goes on', async ({ shop, house }) => {
    const leas = await shop({ sub: 'lea' })
    const lea = await leas.open()
    await loggedIn(lea.page, 'lea')
    await lea.openPanel()
    await lea.write('Before it ended')
    await lea.kept('Before it ended').waitFor()
    const { secret } = await kept(lea.page)
    const ended = await fetch(`${house.kefu.origin}/api/v1/widget/${house.site.key}/log-in`, { method: 'DELETE', headers: { authorization: `Bearer ${secret}` } })
    expect(ended.status).toBe(204)
    await expect.poll(async () => (await kept(lea.page))['secret'], { timeout: 15_000 }).not.toBe(secret)
    await expect.poll(() => leas.given).toBe(2)
    await lea.message('Before it ended').waitFor()
    await lea.write('After it ended')
    await lea.kept('After it ended').waitFor()
    expect([await lea.messages(), leas.given, leas.exchanged, await errors(lea.page)]).toEqual([['Before it ended', 'After it ended'], 2, 2, []])
  })
})

describe('a token that is refused', () => {
  test('is asked for once more, told to the page, and the visitor chats on without a name', async ({ shop, screen }) => {
    screen.expected.push(/status of 4\d\d/)
    const late = await shop({ sub: 'eve', within: -120 })
    const eve = await late.open()
    await expect.poll(() => errors(eve.page)).toEqual(['token_expired'])
    expect(late.given).toBe(2)
    await eve.page.evaluate(() => { (window as unknown as { Kefu: Api }).Kefu.identify(() => Promise.reject(new Error('nobody is logged in'))) })
    await expect.poll(() => errors(eve.page)).toEqual(['token_expired', 'no_token'])
    await eve.openPanel()
    await eve.write('Still here')
    await eve.kept('Still here').waitFor()
  })
})

describe('a site for verified visitors only', () => {
  test('asks to log in, and lets in who has', async ({ shop, house, later }) => {
    await house.ada.settings(settings => ({ ...settings, verified_only: true }))
    later(() => house.ada.settings(settings => ({ ...settings, verified_only: false })))
    const browser = await shop(undefined, { lang: 'zh-CN' })
    const fay = await browser.open()
    await fay.opener.click()
    await fay.panel.getByText(identityWords['zh-CN'].login).waitFor()
    expect(await fay.panel.getByRole('textbox').count()).toBe(0)
    await fay.panel.getByRole('heading', { level: 1 }).waitFor()
    browser.claims = { sub: 'fay' }
    await identify(fay.page, 'fay')
    await fay.field.waitFor()
    await fay.write('我登录了')
    await fay.kept('我登录了').waitFor()
  })
})

describe('what stands in the place of the conversation', () => {
  const variants = [{ lang: 'en', dark: false, width: 1440 }, { lang: 'zh-CN', dark: true, width: 390 }] as const
  for (const { lang, dark, width } of variants) {
    test(`is nothing that axe finds: ${lang}, ${dark ? 'dark' : 'light'}, ${width}`, async ({ shop, house, screen, later }) => {
      screen.expected.push(...cutOff)
      const proxy = await Proxy.start(house.kefu.port)
      later(() => proxy.stop())
      const browser = await shop({ sub: `guy ${lang}` }, { origin: proxy.origin, lang, dark, width })
      const guy = await browser.open()
      await loggedIn(guy.page, `guy ${lang}`)
      await guy.openPanel()
      proxy.set('cut')
      await guy.write('Unsent')
      await guy.marked('Unsent', 'waits').waitFor()
      const words = identityWords[lang]
      const answer = logout(guy.page)
      await guy.panel.getByRole('alertdialog', { name: words.sure }).waitFor()
      const found = await violations(guy.page)
      await guy.panel.getByRole('button', { name: words.leave }).click()
      expect(await answer).toBe(true)
      proxy.set('whole')
      await house.ada.settings(settings => ({ ...settings, verified_only: true }))
      later(() => house.ada.settings(settings => ({ ...settings, verified_only: false })))
      browser.claims = { sub: 'nobody', within: -120 }
      screen.expected.push(/status of 4\d\d/)
      await guy.page.reload()
      await guy.opener.click()
      await guy.panel.getByText(words.login).waitFor()
      await guy.panel.getByRole('button', { name: words.again }).waitFor()
      expect([...found, ...(await violations(guy.page))]).toEqual([])
    })
  }
})
