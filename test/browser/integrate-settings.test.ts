/** What a website's own servers need, in a site's settings: signing keys, who may chat, how long rounds stay, webhooks. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { translator } from '@words/words.ts'
import { ruleWords } from '../../web/console/src/features/settings/ruleWords.ts'
import { settingsWords } from '../../web/console/src/features/settings/words.ts'
import { signingWords } from '../../web/console/src/features/settings/signingWords.ts'
import { webhookWords } from '../../web/console/src/features/settings/webhooks/words.ts'
import { violations } from './harness/axe.ts'
import { startReceiver } from './harness/receiver.ts'
import { openHouse, test as plain, type House } from './harness/test.ts'
import { signerWith, type Claims } from './harness/token.ts'

const test = plain.extend<{ house: House }>({
  house: [async ({}, use) => {
    const house = await openHouse({ KEFU_OUTBOUND_ALLOW: '127.0.0.0/8' })
    await use(house)
    await house.kefu.stop()
  }, { scope: 'file' }],
})

const s = translator(signingWords, 'en')
const r = translator(ruleWords, 'en')
const t = translator(settingsWords, 'en')
const w = translator(webhookWords, 'en')

/** Presses a button as the keyboard does. */
async function press(button: Locator): Promise<void> {
  await button.focus()
  await button.press('Enter')
}

const focused = (one: Locator) => expect.poll(() => one.evaluate(node => node === document.activeElement)).toBe(true)

/** The status with which a token is exchanged for a log-in. */
const exchanged = async ({ kefu, site }: House, token: string) => (await fetch(`${kefu.origin}/api/v1/widget/${site.key}/log-in`, {
  method: 'POST', headers: { 'content-type': 'application/json', origin: kefu.origin },
  body: JSON.stringify({ token, exchange: randomBytes(32).toString('base64url') }),
})).status

/** Says on the demo page that somebody is logged in; waits until the widget knows. */
async function logIn(page: Page, { kefu, site }: House, sign: (claims: Claims) => string, who: string): Promise<void> {
  await page.exposeFunction('shopToken', () => sign({ sub: who }))
  await page.goto(`${kefu.origin}/demo?site=${site.key}`)
  await page.evaluate(who => {
    const scope = window as unknown as { Kefu?: { push: (call: unknown[]) => void }; shopToken: () => Promise<string> }
    scope.Kefu ??= [] as unknown[]
    scope.Kefu.push(['identify', () => scope.shopToken(), who])
  }, who)
  await expect.poll(() => page.evaluate(() => Object.entries({ ...localStorage }).find(([key]) => key.endsWith('.who'))?.[1] as string), { timeout: 15_000 }).toBe(who)
}

test('an admin makes a signing key, sees it once, a website logs a visitor in with it, and it is revoked', async ({ agent, house, screen }) => {
  screen.expected.push(/status of 401 .*\/widget\/.*log-in/) // Mia's open page asks again when her log-in ends
  const { page } = await agent()
  const dialog = page.getByRole('dialog')
  await page.goto(`${house.kefu.origin}/console/settings/sites/${house.site.id}`)
  await page.getByText(s('none')).waitFor()
  await press(page.getByRole('button', { name: s('create') }))
  const variables = await dialog.getByRole('group', { name: s('variables') }).innerText()
  await focused(dialog.getByRole('button', { name: 'Copy' }))
  await page.mouse.click(4, 4)
  await dialog.getByText('KEFU_SECRET').waitFor({ timeout: 1_000 })
  const [, site = '', kid = '', secret = ''] = /KEFU_SITE=(\S+)\s+KEFU_KID=(\d+)\s+KEFU_SECRET=(kfs_\S+)/.exec(variables) ?? []
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await focused(page.getByRole('button', { name: s('second') }))
  await page.reload()
  await page.getByText(kid).waitFor()
  expect(await page.content()).not.toContain('kfs_')

  const sign = signerWith(site, kid, secret)
  await logIn(await (await screen.person()).newPage(), house, sign, 'mia')
  expect(await exchanged(house, sign({ sub: 'mia' }))).toBe(200)

  await press(page.getByRole('button', { name: s('second') }))
  await press(dialog.getByRole('button', { name: s('done') }))
  await page.getByText(s('full')).waitFor()
  expect(await page.getByRole('button', { name: s('second') }).count()).toBe(0)
  await press(page.getByRole('button', { name: s('revokeOf', { id: kid }) }))
  await focused(dialog.getByRole('button', { name: s('keep') }))
  await dialog.getByRole('switch', { name: s('logIns') }).press('Space')
  await press(dialog.getByRole('button', { name: s('revoke') }))
  await page.getByText(kid).waitFor({ state: 'detached' })
  await focused(page.getByRole('button', { name: s('second') }))
  expect(await exchanged(house, sign({ sub: 'mia' }))).toBe(401)
})

test('an admin says who may chat and how long rounds stay, warned of what that does', async ({ agent, house, later }) => {
  later(() => house.ada.settings(all => ({ ...all, verified_only: false })))
  const { keys } = await house.ada.call<{ keys: { id: string }[] }>('GET', `/sites/${house.site.id}/signing-keys`)
  for (const { id } of keys) await house.ada.call('DELETE', `/sites/${house.site.id}/signing-keys/${id}`)
  const settings = async () => (await house.ada.site()).settings as unknown as { verified_only: boolean; carry_over: boolean; retain_days: number }
  const { page } = await agent()
  const dialog = page.getByRole('dialog')
  const save = page.getByRole('button', { name: t('save') })
  await page.goto(`${house.kefu.origin}/console/settings/sites/${house.site.id}`)
  await page.getByText(s('none')).waitFor()

  await page.getByRole('switch', { name: r('only') }).press('Space')
  await page.getByText(r('onlyNoKey')).waitFor()
  await page.getByRole('switch', { name: r('carry') }).press('Space')
  const days = page.getByRole('textbox', { name: r('days') })
  await days.fill('6')
  await press(save)
  await page.getByText(r('badDays')).waitFor()
  await focused(days)
  await days.fill('30')
  await press(save)
  await focused(dialog.getByRole('button', { name: r('keep') }))
  expect(await violations(page)).toEqual([])
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'detached' })
  expect(await settings()).toMatchObject({ verified_only: false, carry_over: true, retain_days: 0 })
  await press(save)
  await press(dialog.getByRole('button', { name: r('lower') }))
  await page.getByText(t('unsaved')).waitFor({ state: 'detached' })
  expect(await settings()).toMatchObject({ verified_only: true, carry_over: false, retain_days: 30 })

  await page.getByRole('switch', { name: r('only') }).press('Space')
  await days.fill('')
  await press(save)
  await expect.poll(settings).toMatchObject({ verified_only: false, retain_days: 0 })
})

test('an admin makes a webhook, tests it, sees what was sent, and sends it again', async ({ agent, house, wire, later, screen }) => {
  screen.expected.push(/status of 422/)
  const receiver = await startReceiver()
  later(() => receiver.stop())
  const { page } = await agent()
  const dialog = page.getByRole('dialog')
  await page.goto(`${house.kefu.origin}/console/settings/sites/${house.site.id}`)
  await press(page.getByRole('link', { name: r('manage') }))
  await page.getByText(w('none')).waitFor()
  expect(await violations(page)).toEqual([])
  await press(page.getByRole('button', { name: w('create') }))
  const address = dialog.getByRole('textbox', { name: w('address') })
  await address.fill('https://10.0.0.1/kefu')
  await press(dialog.getByRole('button', { name: w('create') }))
  await dialog.getByText('no private network has it').waitFor()
  await focused(address)
  await address.fill(receiver.url)
  await dialog.getByRole('textbox', { name: w('name') }).fill('Tickets')
  await dialog.getByRole('checkbox', { name: w('round.opened') }).press('Space')
  await press(dialog.getByRole('button', { name: w('create') }))
  expect(await dialog.getByText(/^whsec_/).innerText()).toMatch(/whsec_\S{44}/)
  await press(dialog.getByRole('button', { name: w('done') }))

  await press(page.getByRole('button', { name: w('ping2') }))
  await page.getByText(/^The test was delivered: 200/).waitFor()
  expect(receiver.received.map(({ body }) => body.type)).toEqual(['ping'])
  receiver.answer(500, 'The database is away')
  const mia = await wire.visitor()
  await mia.command({ t: 'send', text: 'Hello' })
  const row = page.locator('tr.delivery').filter({ hasText: w('message.created') })
  await row.getByText(w('failedStatus', { status: '500' })).last().waitFor()
  await press(row.getByRole('button', { name: /^Details/ }))
  await page.getByText('The database is away').waitFor()
  expect(await violations(page)).toEqual([])

  receiver.answer(200, 'thanks')
  await press(row.getByRole('button', { name: /^Actions/ }))
  await page.getByRole('menuitem', { name: w('again'), exact: true }).press('Enter')
  await row.getByText(w('delivered', { status: '200' })).last().waitFor()
  const messages = () => receiver.received.filter(({ body }) => body.type === 'message.created')
  expect(new Set(messages().map(({ id }) => id)).size).toBe(1)
  const before = messages().length
  await press(row.getByRole('button', { name: /^Actions/ }))
  await page.getByRole('menuitem', { name: w('againSince') }).press('Enter')
  await press(dialog.getByRole('button', { name: w('sinceYes') }))
  await expect.poll(() => messages().length).toBeGreaterThan(before)

  await press(page.getByRole('button', { name: w('more') }))
  await page.getByRole('menuitem', { name: w('rotate') }).press('Enter')
  await press(dialog.getByRole('button', { name: w('rotateYes') }))
  await dialog.getByText(/^whsec_/).waitFor()
  await press(dialog.getByRole('button', { name: w('done') }))
  await press(page.getByRole('button', { name: w('ping2') }))
  await expect.poll(() => receiver.received.at(-1)?.signature.split(' ').length).toBe(2)

  await press(page.getByRole('button', { name: w('more') }))
  await page.getByRole('menuitem', { name: w('turnOff') }).press('Enter')
  await press(dialog.getByRole('button', { name: w('turnOff') }))
  await page.getByText(w('offText')).waitFor()
  await press(page.getByRole('button', { name: w('more') }))
  await page.getByRole('menuitem', { name: w('remove') }).press('Enter')
  await press(dialog.getByRole('button', { name: w('remove') }))
  await page.getByText(w('none')).waitFor()
})
