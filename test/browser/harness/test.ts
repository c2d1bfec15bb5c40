/** `test` with a server, an owner and a site of the file's own, and a browser. */
import { test as plain, expect } from 'vitest'
import type { Browser } from 'playwright-core'
import { launch, Screen } from './browser.ts'
import { Kefu } from './kefu.ts'
import { Account, type Site } from './rest.ts'
import { Peer } from './wire.ts'
import { AgentPage } from '../pages/agent.ts'
import { VisitorPage } from '../pages/visitor.ts'
import type { Lang } from '@words/words.ts'

export interface House {
  kefu: Kefu
  /** Ada, the owner. */
  ada: Account
  site: Site
}

/** A server with its owner and a first site. */
export async function openHouse(env: Record<string, string> = {}): Promise<House> {
  const kefu = await Kefu.start(env)
  const ada = await Account.setUp(kefu, 'Ada', 'Harbour')
  return { kefu, ada, site: await ada.site() }
}

export interface Fixtures {
  browser: Browser
  house: House
  screen: Screen
  /** A visitor in a browser of its own, on /chat/KEY unless told otherwise; with a clock that can be put forward. */
  visitor: (where?: { origin?: string; path?: string; lang?: Lang; clock?: boolean }) => Promise<VisitorPage>
  /** An agent, or a visitor, without a page. */
  wire: { agent: (who?: Account) => Promise<Peer>; visitor: (hello?: Parameters<typeof Peer.visitor>[2]) => Promise<Peer> }
  /** Runs when the test ends, however it ends; the last one first. */
  later: (undo: () => Promise<unknown>) => void
  /** An agent in a browser of its own, logged in, on the console. */
  agent: (who?: Account, where?: { origin?: string; path?: string; lang?: Lang }) => Promise<AgentPage>
}

const localeOf = (lang: Lang) => (lang === 'en' ? 'en-US' : lang)

export const test = plain.extend<Fixtures>({
  browser: [
    async ({}, use) => {
      const browser = await launch()
      await use(browser)
      await browser.close()
    },
    { scope: 'file' },
  ],
  house: [
    async ({}, use) => {
      const house = await openHouse()
      await use(house)
      await house.kefu.stop()
    },
    { scope: 'file' },
  ],
  screen: async ({ browser, task, onTestFailed }, use) => {
    const screen = new Screen(browser)
    await use(screen)
    const failed = task.result?.state === 'fail'
    const unexpected = screen.unexpected()
    if (failed || unexpected.length > 0) console.error(`pictures of "${task.name}": ${await screen.picture(task.name)}`)
    await screen.close()
    if (!failed) expect(unexpected, 'errors in the pages').toEqual([])
  },
  later: async ({}, use) => {
    const undo: (() => Promise<unknown>)[] = []
    await use(one => void undo.push(one))
    for (const one of undo.reverse()) await one()
  },
  wire: async ({ house, later }, use) => {
    const known = (peer: Peer) => {
      later(() => peer.close())
      return peer
    }
    await use({
      agent: async (who = house.ada) => known(await Peer.agent(house.kefu, who)),
      visitor: async hello => known(await Peer.visitor(house.kefu, house.site.key, hello)),
    })
  },
  visitor: async ({ screen, house }, use) => {
    await use(async ({ origin = house.kefu.origin, path = `/chat/${house.site.key}`, lang = 'en', clock = false } = {}) => {
      const context = await screen.person({ locale: localeOf(lang) })
      if (clock) await context.clock.install()
      return VisitorPage.open(await context.newPage(), origin + path, lang)
    })
  },
  agent: async ({ screen, house }, use) => {
    await use(async (who = house.ada, { origin = house.kefu.origin, path = '/console/', lang = 'en' } = {}) => {
      const context = await screen.person({ locale: localeOf(lang), viewport: { width: 1440, height: 900 } })
      await context.addCookies([{ name: 'kefu', value: who.token, url: origin }])
      return AgentPage.open(await context.newPage(), origin + path, lang)
    })
  },
})
