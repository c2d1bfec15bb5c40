/** Who says what of a visitor, in the console; and a visitor that is exported, erased, or takes its chat along. */
import { readFile } from 'node:fs/promises'
import { describe, expect } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { translator } from '@words/words.ts'
import { handlingWords } from '../../web/console/src/features/visitors/handlingWords.ts'
import { pdf } from './harness/pictures.ts'
import { test as plain } from './harness/test.ts'
import { exchange, makeSecret, removeSigners, signer, type Claims } from './harness/token.ts'
import { Peer } from './harness/wire.ts'
import type { AgentPage } from './pages/agent.ts'
import { FilesOn } from './pages/files.ts'

interface People {
  /** A verified visitor who is here and wrote this; with the anonymous secret that it had before, if any. */
  known: (claims: Claims, text: string, before?: string) => Promise<Peer>
  /** Asks as an application server with an API key. */
  application: (name: string) => Promise<(method: string, path: string, body: object) => Promise<void>>
}

const test = plain.extend<People>({
  known: async ({ house, wire }, use) => {
    const sign = await signer(house.ada, house.site)
    await use(async (claims, text, before) => {
      const peer = await wire.visitor({ secret: await exchange(house.kefu, house.site, sign(claims), before) })
      if (text) await peer.command({ t: 'send', text })
      return peer
    })
    await removeSigners(house.ada, house.site)
  },
  application: async ({ house }, use) => {
    await use(async name => {
      const made = await house.ada.call<{ secret: string }>('POST', `/sites/${house.site.id}/api-keys`, { name, scopes: ['read', 'write', 'people'] })
      return async (method, path, body) => {
        const answer = await fetch(`${house.kefu.origin}/api/v1/sites/${house.site.id}${path}`, {
          method, headers: { 'content-type': 'application/json', authorization: `Bearer ${made.secret}` }, body: JSON.stringify(body),
        })
        expect(answer.ok, `${path}: ${answer.status}`).toBe(true)
      }
    })
  },
})

const t = translator(handlingWords, 'en')
const facts = (agent: AgentPage) => agent.page.getByRole('complementary', { name: agent.t('details') })
/** What stands under a heading of the facts, without the heading. */
const under = (agent: AgentPage, heading: string) => facts(agent).locator('section').filter({ has: agent.page.getByRole('heading', { name: heading }) })
const values = async (section: Locator) => (await section.locator('dd').allTextContents()).map(text => text.trim())

async function choose(agent: AgentPage, within: Locator, act: 'exportIt' | 'eraseIt'): Promise<void> {
  await within.getByRole('button', { name: agent.t('acts') }).press('Enter')
  await agent.page.getByRole('menuitem', { name: agent.t(act) }).press('Enter')
}
const hasFocus = (one: Locator) => expect.poll(() => one.evaluate(element => element === document.activeElement), { message: String(one) }).toBe(true)
const drafts = (page: Page) => page.evaluate(() => localStorage.getItem('kefu.drafts') ?? '{}')

describe('of a visitor', () => {
  test('the website’s word, an application’s and the page’s own stand apart', async ({ known, application, wire, agent }) => {
    const mia = await known({ sub: 'customer-4711', name: 'Mia Wong', email: 'mia@shop.example', fields: { plan: 'pro' } }, 'Where is my parcel?')
    mia.send({ t: 'says', says: { name: 'The boss', email: 'boss@shop.example' } })
    const peer = await wire.agent()
    const { visitor } = await peer.open(await peer.find('Where is my parcel?'))
    const shop = await application('Shop')
    await shop('PATCH', `/visitors/${visitor?.id}`, { email: 'mia@crm.example', fields: { tier: 'gold' } })
    const ada = await agent()
    await ada.openRow('Where is my parcel?')
    const row = ada.row('Where is my parcel?')
    await row.getByRole('img', { name: ada.t('verified') }).waitFor()
    expect(await row.textContent()).toContain('Mia Wong')
    expect(await row.getByText(ada.t('saysSo')).count()).toBe(0)
    await under(ada, ada.t('told')).getByText('gold').waitFor()
    expect(await values(under(ada, ada.t('vouched')))).toEqual(['Mia Wong', 'mia@shop.example', 'pro', 'customer-4711'])
    expect(await values(under(ada, ada.t('told')))).toEqual(['mia@crm.example', 'gold'])
    expect(await under(ada, ada.t('told')).textContent()).toContain('Shop')
    await expect.poll(() => values(under(ada, ada.t('says')))).toEqual(['The boss', 'boss@shop.example'])
  })

  test('who only says a name is marked, everywhere that the name stands', async ({ wire, agent }) => {
    const eve = await wire.visitor()
    eve.send({ t: 'says', says: { name: 'Mia Wong', email: 'mia@shop.example' } })
    await eve.command({ t: 'send', text: 'I am Mia, too' })
    const ada = await agent()
    await ada.openRow('I am Mia, too')
    const row = ada.row('I am Mia, too')
    await row.getByText(ada.t('saysSo')).waitFor()
    expect(await row.getByRole('img', { name: ada.t('verified') }).count()).toBe(0)
    expect(await ada.sheet.locator('header').getByText(ada.t('saysSo')).filter({ visible: true }).count()).toBe(2)
    expect(await under(ada, ada.t('vouched')).count()).toBe(0)
    await ada.page.getByRole('link', { name: 'Visitors' }).click()
    const line = ada.page.getByRole('row').filter({ hasText: 'Mia Wong' })
    await line.getByText(ada.t('saysSo')).waitFor()
  })

  test('what came by an API key names the key, and a bot has its mark', async ({ house, wire, application, agent }) => {
    const tom = await wire.visitor()
    await tom.command({ t: 'send', text: 'When do you open?' })
    const c = await (await wire.agent()).find('When do you open?')
    const desk = await application('Night desk')
    await desk('POST', `/conversations/${c}/messages`, { text: 'At nine.', as: { bot: 'Owl' } })
    await desk('POST', `/conversations/${c}/notes`, { text: 'Asked at night' })
    await desk('POST', `/conversations/${c}/take`, { as: { agent: house.ada.id } })
    await desk('POST', `/conversations/${c}/messages`, { text: 'Good morning', as: { agent: house.ada.id } })
    const ada = await agent(house.ada, { path: `/console/conversations/${c}` })
    await ada.message('Good morning').waitFor()
    const by = ada.t('via', { name: 'Night desk' })
    const turn = (text: string) => ada.sheet.locator('article').filter({ hasText: text })
    await turn('At nine.').getByText('Owl').waitFor()
    await turn('At nine.').getByText(ada.t('bot'), { exact: true }).waitFor()
    for (const text of ['At nine.', 'Good morning']) await turn(text).getByText(by).waitFor()
    await turn('Asked at night').getByText(ada.t('note', { name: ada.t('key', { name: 'Night desk' }) })).waitFor()
    expect(await turn('Asked at night').getByText(by).count()).toBe(0)
    expect(await ada.sheet.locator('.event').filter({ hasText: by }).count()).toBe(1)
    expect(await turn('When do you open?').getByText(by).count()).toBe(0)
  })
})

describe('a visitor is', () => {
  test('erased by an admin, with a receipt, while a colleague writes to it', async ({ house, known, agent }) => {
    await known({ sub: 'leaves', name: 'Lea' }, 'Please forget me')
    const ben = await agent(await house.ada.invite('Ben', house.site, 'agent'))
    await ben.openRow('Please forget me')
    await ben.field.fill('Half an answ')
    expect(await facts(ben).getByRole('button', { name: ben.t('acts') }).count(), 'an agent may not').toBe(0)
    await expect.poll(() => drafts(ben.page)).toContain('Half an answ')
    const ada = await agent()
    await ada.openRow('Please forget me')
    const dialog = ada.page.getByRole('dialog')
    for (const _ of ['its code comes', 'its code is here']) {
      await choose(ada, facts(ada), 'eraseIt')
      await dialog.getByText(t('goesBefore')).waitFor()
      await hasFocus(dialog.getByRole('button', { name: t('keep') }))
      await ada.page.keyboard.press('Enter')
      await hasFocus(facts(ada).getByRole('button', { name: ada.t('acts') }))
    }
    await choose(ada, facts(ada), 'eraseIt')
    await hasFocus(dialog.getByRole('button', { name: t('keep') }))
    await ada.page.keyboard.press('Tab')
    await ada.page.keyboard.press('Enter')
    await dialog.getByText(t('receiptText')).waitFor()
    const receipt = await values(dialog)
    expect(receipt[0]).toMatch(/^\d+$/)
    expect(receipt.slice(2, 4)).toEqual(['1', '2'])
    await ben.sheet.getByText(ben.t('gone')).waitFor()
    expect(await ben.rows.filter({ hasText: 'Please forget me' }).count()).toBe(0)
    expect(await ben.field.count()).toBe(0)
    expect(await drafts(ben.page)).not.toContain('Half an answ')
    expect(await ben.page.locator('.toast').count()).toBe(0)
    await dialog.getByRole('button', { name: t('done') }).click()
    await ada.sheet.getByText(/^You removed/).waitFor()
    await hasFocus(ada.sheet.locator('.gone'))
    const { entries } = await house.ada.call<{ entries: { what?: string; object?: string }[] }>('GET', `/sites/${house.site.id}/audit`)
    expect(JSON.stringify(entries)).toContain(receipt[0])
  })

  test('exported, and a file that breaks off is told from one that is whole', async ({ house, known, agent, screen }) => {
    screen.expected.push(/ERR_FAILED/)
    await known({ sub: 'wants-it-all', name: 'Max مكس' }, 'What do you know of me?')
    const ada = await agent(house.ada, { path: '/console/visitors' })
    const line = ada.page.getByRole('row').filter({ hasText: 'Max' })
    let breakOff: () => void = () => undefined
    const broken = new Promise<void>(done => { breakOff = done })
    await ada.page.route(/\/export\?/, route => broken.then(() => route.abort()), { times: 1 })
    await choose(ada, line, 'exportIt')
    const dialog = ada.page.getByRole('dialog')
    await dialog.getByRole('switch', { name: t('notes') }).press('Space')
    await dialog.getByRole('button', { name: t('download') }).press('Enter')
    await dialog.getByRole('button', { name: t('stop') }).waitFor()
    await ada.page.mouse.click(5, 5) // beside it
    breakOff()
    await dialog.getByRole('alert').waitFor()
    const asked = ada.page.waitForRequest(/\/export\?/)
    const [file] = await Promise.all([ada.page.waitForEvent('download'), dialog.getByRole('button', { name: t('download') }).press('Enter')])
    expect((await asked).url()).toContain('notes=true&language=en')
    expect(file.suggestedFilename()).toMatch(/\.zip$/)
    const bytes = await readFile(await file.path())
    expect(bytes.subarray(0, 2).toString()).toBe('PK')
    expect(bytes.includes('index.html') || bytes.includes('.html')).toBe(true)
    await dialog.getByRole('status').filter({ hasText: file.suggestedFilename() }).waitFor()
    await ada.page.mouse.click(5, 5)
    await dialog.waitFor({ state: 'detached' })
    await hasFocus(line.getByRole('button', { name: ada.t('acts') }))
  })

  test('led over with its log-in, and the half-written answer goes along', async ({ house, known, wire, agent }) => {
    const before = makeSecret()
    const anonymous = await wire.visitor({ secret: before })
    await anonymous.command({ t: 'send', text: 'Before the log-in' })
    const old = await (await wire.agent()).find('Before the log-in')
    const ada = await agent(house.ada, { path: `/console/conversations/${old}` })
    await ada.field.fill('You are nearly')
    const files = new FilesOn(ada.sheet, ada.page, ada.t('attach'))
    await files.choose(pdf('invoice.pdf'))
    await files.uploaded(1)
    await known({ sub: 'eva', name: 'Eva' }, '', before)
    await ada.sheet.getByText(ada.t('takenAlong')).waitFor()
    await expect.poll(() => ada.field.inputValue()).toBe('You are nearly')
    expect(await files.names()).toEqual(['invoice.pdf'])
    await ada.sheet.getByRole('link', { name: ada.t('whereItStood') }).press('Enter')
    await ada.sheet.getByText(ada.t('wentAlong')).waitFor()
    expect(await ada.field.count(), 'nobody writes there any more').toBe(0)
    await ada.sheet.getByRole('contentinfo').or(ada.sheet.locator('footer')).getByRole('link', { name: ada.t('whereItGoesOn') }).press('Enter')
    await ada.message('Before the log-in').waitFor()
    expect(await ada.field.inputValue()).toBe('You are nearly')
    await ada.field.press('Enter')
    await files.card('invoice.pdf').waitFor()
  })
})
