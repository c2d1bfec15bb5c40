/** The widget on somebody else's pages, in browsers that keep things apart. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { BrowserContext } from 'playwright-core'
import { launchWith, type Screen } from './harness/browser.ts'
import { test as plain } from './harness/test.ts'
import { startWebsite, type Snippet, type Website } from './harness/website.ts'
import { VisitorPage } from './pages/visitor.ts'

interface Sites {
  /** A website with the widget; its names shop.localhost and shop.test are on the site's list, others are not. */
  website: (change?: Partial<Snippet>) => Promise<Website>
}

const test = plain.extend<Sites>({
  website: async ({ house, later }, use) => {
    await use(async change => {
      const website = await startWebsite({ home: house.kefu.origin, key: house.site.key, ...change })
      later(() => website.stop())
      await house.ada.allow(website.at('shop.localhost'), website.at('shop.test'))
      return website
    })
  },
})

/** What the site asks for under a strict policy, and nothing else. */
const strict = (home: string) => `default-src 'none'; script-src ${home}; frame-src ${home}`

async function openShop(context: BrowserContext, url: string): Promise<VisitorPage> {
  const shop = await VisitorPage.open(await context.newPage(), url)
  await shop.openPanel()
  return shop
}

describe('a website on the list', () => {
  test('has a chat, which goes on after a reload and on its other pages', async ({ website, screen, wire }) => {
    const shop = await openShop(await screen.person(), `${(await website()).at('shop.localhost')}/one`)
    await shop.write('Hello from the shop')
    await shop.kept('Hello from the shop').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('Hello from the shop')
    await expect.poll(async () => (await ada.open(c)).visitor?.page?.url).toMatch(/\/one$/)
    await shop.closer.click()
    await ada.command({ t: 'send', c, text: 'Hello from Ada' })
    await shop.unread(1).click()
    await shop.message('Hello from Ada').waitFor()
    await shop.page.getByRole('link', { name: 'Another page' }).click()
    await shop.page.waitForURL('**/other')
    await shop.openPanel()
    await shop.message('Hello from Ada').waitFor()
    expect(await shop.messages()).toEqual(['Hello from the shop', 'Ada is here for you', 'Hello from Ada'])
  })

  test('has a chat whatever its address, its title and its fields are', async ({ website, screen, wire }) => {
    const origin = (await website()).at('shop.localhost')
    const long = (name: string) => `${origin}/${name}?q=${'%E5%B1%B1'.repeat(210)}`
    const page = await (await screen.person()).newPage()
    await page.addInitScript(() => {
      const scope = window as unknown as { Kefu?: unknown[] }
      const fields = (from: number) => Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`field ${from + i}`, '山'.repeat(200)]))
      scope.Kefu = [['set', { name: 'Hannah \ud83d', fields: fields(0) }], ['set', { fields: fields(12) }], ['set', { email: 'hannah@example.com' }]]
      document.addEventListener('DOMContentLoaded', () => (document.title = `${'山'.repeat(290)}\ud83d`))
    })
    const shop = await VisitorPage.open(page, long('one'))
    await page.evaluate(to => location.assign(to), long('two'))
    await page.waitForURL('**/two?*')
    await shop.openPanel()
    expect(await shop.panel.getByRole('textbox').count(), 'a name that the page has said is not asked for').toBe(1)
    await shop.write('From a long address')
    await shop.kept('From a long address').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('From a long address')
    const visitor = async () => (await ada.open(c)).visitor
    await expect.poll(async () => (await visitor())?.says?.email).toBe('hannah@example.com')
    const { says, page: seen } = (await visitor()) ?? {}
    expect([says?.name, Object.keys(says?.fields ?? {}).length, seen?.url, seen?.title?.at(0)]).toEqual(['Hannah \ufffd', 20, long('two'), '山'])
  })

  test('needs to allow a script and a frame, and nothing else', async ({ website, house, screen, wire }) => {
    const strictly = await website({ policy: strict(house.kefu.origin) })
    const shop = await openShop(await screen.person(), strictly.at('shop.localhost'))
    expect(await shop.panel.getByRole('textbox').count(), 'the name, and the message').toBe(2)
    await shop.write('Under a strict policy')
    await shop.kept('Under a strict policy').waitFor()
    const ada = await wire.agent()
    await ada.command({ t: 'send', c: await ada.find('Under a strict policy'), text: 'It works' })
    await shop.message('It works').waitFor()
    await shop.page.reload()
    await shop.openPanel()
    await shop.message('It works').waitFor()
  })

  test('has no chat under a policy without the frame, so the policy above is enforced', async ({ website, house, screen }) => {
    screen.expected.push(/Content Security Policy/)
    const stricter = await website({ policy: `default-src 'none'; script-src ${house.kefu.origin}` })
    const shop = await VisitorPage.open(await (await screen.person()).newPage(), stricter.at('shop.localhost'))
    const refused = shop.page.waitForEvent('console', message => /frame-src|default-src/.test(message.text()))
    await refused
    await shop.widget.waitFor({ state: 'detached' })
  })

  test('may be without TLS', async ({ website, house, screen, wire }) => {
    const home = `http://chat.test:${house.kefu.port}`
    const shop = await openShop(await screen.person(), (await website({ home })).at('shop.test'))
    expect(await shop.page.evaluate(() => isSecureContext)).toBe(false)
    await shop.write('Without a lock')
    await shop.kept('Without a lock').waitFor()
    const ada = await wire.agent()
    await ada.command({ t: 'send', c: await ada.find('Without a lock'), text: 'Heard' })
    await shop.message('Heard').waitFor()
    await shop.page.reload()
    await shop.openPanel()
    await shop.message('Heard').waitFor()
  })

  test('keeps the conversation where the browser blocks the storage of others', async ({ website, screen, wire }) => {
    const shop = await openShop(await screen.person(), (await website()).at('shop.localhost'))
    expect(await shop.panel.locator('body').evaluate(storage)).toBe('SecurityError')
    await shop.write('Nothing can be stored here')
    await shop.kept('Nothing can be stored here').waitFor()
    const ada = await wire.agent()
    await ada.command({ t: 'send', c: await ada.find('Nothing can be stored here'), text: 'But here' })
    await shop.message('But here').waitFor()
    await shop.page.reload()
    await shop.openPanel()
    await shop.message('But here').waitFor()
    await shop.write('Still me')
    await shop.kept('Still me').waitFor()
    expect(await ada.texts(await ada.find('Still me'))).toEqual(['Nothing can be stored here', 'But here', 'Still me'])
  })

  test('keeps the conversation where the browser partitions or forgets the storage of others', async ({ website, house, screen, later }) => {
    const context = await withStorage(screen, later)
    const shop = await openShop(context, (await website()).at('shop.localhost'))
    expect(await shop.panel.locator('body').evaluate(storage)).toBe('open')
    await shop.write('Do not forget me')
    await shop.kept('Do not forget me').waitFor()
    await shop.page.reload()
    await shop.openPanel()
    await shop.message('Do not forget me').waitFor()
    const frame = shop.page.frames().find(one => one.url().startsWith(house.kefu.origin))
    expect(await frame?.evaluate(() => localStorage.length)).toBeGreaterThan(0)
    await frame?.evaluate(() => { localStorage.clear() })
    await shop.page.reload()
    await shop.openPanel()
    await shop.message('Do not forget me').waitFor()
  })

  test('keeps nothing of somebody who only looks', async ({ website, house, screen, later }) => {
    const shop = await openShop(await withStorage(screen, later), (await website()).at('shop.localhost'))
    await shop.field.fill('I do not send this')
    const kept = await Promise.all(shop.page.frames().map(frame => frame.evaluate(() => ({ ...localStorage }))))
    expect(kept).toEqual([{}, {}])
    expect(shop.page.frames()[1]?.url()).toContain(house.kefu.origin)
    expect(await shop.page.context().cookies()).toEqual([])
  })
})

/** Whether the frame may store anything; a fresh context of Playwright blocks it for others, as private windows do. */
function storage(): string {
  try {
    return localStorage.length >= 0 ? 'open' : ''
  } catch (error) {
    return (error as Error).name
  }
}

/** A browser that lets a frame of another site have storage, apart for each website. */
async function withStorage(screen: Screen, later: (undo: () => Promise<unknown>) => void): Promise<BrowserContext> {
  const folder = await mkdtemp(join(tmpdir(), 'kefu-chromium-'))
  later(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  const context = await launchWith(folder, { profile: { block_third_party_cookies: false, cookie_controls_mode: 0 } })
  screen.watch(context)
  later(() => context.close())
  return context
}

describe('a website whose frame is late', () => {
  test('shows the button before, and the panel only then', async ({ website, screen }) => {
    const [shop, answer] = await held(screen, (await website()).at('shop.test'))
    await shop.opener.click()
    await expect.poll(() => shop.told()).toEqual(['open'])
    expect(await shop.frame.isVisible()).toBe(false)
    answer('continue')
    await shop.field.waitFor()
    expect(await shop.told()).toEqual(['open'])
  })

  test('takes the button away where the frame fails, and shows no error of the browser', async ({ website, screen }) => {
    screen.expected.push(/net::ERR_FAILED/)
    const [shop, answer] = await held(screen, (await website()).at('shop.test'))
    await shop.opener.click()
    await shop.page.evaluate(() => {
      const seen = () => {
        const frame = document.querySelector('kefu-widget')?.shadowRoot?.querySelector('iframe')
        if (frame?.checkVisibility({ visibilityProperty: true })) console.error('the frame is shown')
        if (frame) requestAnimationFrame(seen)
      }
      seen()
    })
    answer('abort')
    await shop.widget.waitFor({ state: 'detached' })
    expect(await shop.told()).toEqual(['open', 'close'])
  })
})

/** A page whose frame waits for an answer, and which notes what the widget tells it. */
async function held(screen: Screen, url: string) {
  const context = await screen.person()
  let answer: (how: 'continue' | 'abort') => void = () => {}
  const answered = new Promise<'continue' | 'abort'>(done => { answer = done })
  await context.route(/\/widget\/frame\.html/, async route => route[await answered]())
  await context.addInitScript(() => {
    const told: string[] = []
    Object.assign(window, { told, Kefu: ['open', 'close'].map(event => ['on', event, () => told.push(event)]) })
  })
  const shop = await VisitorPage.open(await context.newPage(), url)
  const told = () => shop.page.evaluate(() => (window as unknown as { told: string[] }).told)
  return [Object.assign(shop, { told }), answer] as const
}

describe('a website that is not on the list', () => {
  test('gets neither a panel nor a button', async ({ website, screen }) => {
    screen.expected.push(/frame-ancestors/, /Unsafe attempt to load URL/)
    const shop = await VisitorPage.open(await (await screen.person()).newPage(), (await website()).at('other.localhost'))
    const refused = shop.page.waitForEvent('console', message => message.text().includes('frame-ancestors'))
    await refused
    await shop.widget.waitFor({ state: 'detached' })
    expect(shop.heard).toEqual([])
  })

  test('gets no live connection of its own', async ({ website, screen, house }) => {
    screen.expected.push(/WebSocket connection/, /Content Security Policy/)
    const listed = (await website()).at('shop.localhost')
    const hello = async (origin: string) => {
      const page = await (await screen.person()).newPage()
      await page.goto(origin)
      return page.evaluate(
        ([url, site]) => new Promise<string>(told => {
          const socket = new WebSocket(url, 'kefu.1')
          const secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))).replace(/[+]/g, '-').replace(/[/]/g, '_').replace(/=/g, '')
          socket.onopen = () => { socket.send(JSON.stringify({ t: 'hello', site, secret })) }
          socket.onmessage = ({ data }) => {
            const { t, code } = JSON.parse(data) as { t: string; code?: string }
            told([t, code].filter(Boolean).join(' '))
          }
          socket.onclose = ({ code }) => { told(`closed ${code}`) }
        }),
        [`${house.kefu.origin.replace('http', 'ws')}/ws/v1/visitor`, house.site.key] as const,
      )
    }
    expect(await hello(listed)).toBe('hello')
    expect(await hello(listed.replace('shop.', 'other.'))).toMatch(/^(error unknown_site|closed 1006)$/)
  })
})
