// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, h, nextTick, type App, type Component } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Refused, restKey, type Rest } from '../../backend/rest.ts'
import type { SigningKey } from '../../backend/integration.ts'
import { daysOf, keepsLess } from './retention.ts'
import SigningKeys from './SigningKeys.vue'
import VerifiedVisitors from './VerifiedVisitors.vue'

const old: SigningKey = { id: '501310635469017180', made_by: 'Ada', made_at: Date.now() - 60_000, last_used_at: Date.now() }
const fresh: SigningKey = { id: '501310635469017999', made_by: 'Ben', made_at: Date.now() }
const secret = 'kfs_' + 'x'.repeat(43)

let app: App | undefined
let rest: { [name in 'signingKeys' | 'makeSigningKey' | 'revokeSigningKey']: ReturnType<typeof vi.fn> }
let counted: number[]

beforeEach(() => {
  document.body.innerHTML = ''
  counted = []
  rest = {
    signingKeys: vi.fn(() => Promise.resolve([old])),
    makeSigningKey: vi.fn(() => Promise.resolve({ key: fresh, secret })),
    revokeSigningKey: vi.fn(() => Promise.resolve()),
  }
})
afterEach(() => { app?.unmount() })

const settled = async () => { for (let i = 0; i < 10; i++) { await Promise.resolve(); await nextTick() } }

async function mounted(component: Component, props: object): Promise<HTMLElement> {
  const place = document.body.appendChild(document.createElement('div'))
  app?.unmount()
  app = createApp({ render: () => h(component, props) })
  app.use(createPinia()).provide(restKey, rest as unknown as Rest).mount(place)
  await settled()
  return place
}

const draw = (only = false) => mounted(SigningKeys, { site: '7', widgetKey: 'kwk_shop', only, onCounted: (n: number) => counted.push(n) })

const buttons = (among: ParentNode = document.body) => [...among.querySelectorAll('button')]
const named = (text: string) => (one: HTMLButtonElement) => one.textContent.trim() === text || one.getAttribute('aria-label') === text

async function press(text: string, among?: ParentNode): Promise<void> {
  const found = buttons(among).find(named(text))
  if (!found) throw new Error(`there is no button ${text}`)
  found.click()
  await settled()
}

const dialog = () => document.body.querySelector<HTMLElement>('[role=dialog]')

it('lists the keys by their kid, and counts them', async () => {
  const place = await draw()
  expect(rest.signingKeys).toHaveBeenCalledWith('7')
  expect(place.querySelector('li')?.textContent).toMatch(/501310635469017180.*Made by Ada.*, used/)
  expect(place.textContent).toContain('To change keys')
  expect(counted).toEqual([1])
})

it('shows a secret once, as what a server is configured with', async () => {
  const place = await draw()
  await press('Create a second key', place)
  expect(dialog()?.textContent).toContain(`KEFU_SITE=kwk_shop\nKEFU_KID=${fresh.id}\nKEFU_SECRET=${secret}`)
  await press('I have it')
  expect(document.body.textContent).not.toContain(secret)
  expect(place.querySelectorAll('li')).toHaveLength(2)
  expect(place.querySelector('li')?.textContent).toContain('Newer')
  expect(buttons(place).some(named('Create a second key'))).toBe(false)
  expect(place.textContent).toContain('There are two, the most there can be')
})

it('says why a third is refused, and shows what there is', async () => {
  const place = await draw()
  rest.makeSigningKey.mockRejectedValueOnce(new Refused(409, 'too_many_keys', ''))
  rest.signingKeys.mockResolvedValueOnce([fresh, old])
  await press('Create a second key', place)
  expect(place.querySelector('[role=alert]')?.textContent).toContain('a site has two at most')
  expect(place.querySelectorAll('li')).toHaveLength(2)
})

it.each([[false, 'no visitor can log in'], [true, 'whoever comes anew cannot chat']])('asks before the only key is revoked (only verified visitors: %s)', async (only, warning) => {
  const place = await draw(only)
  await press(`Revoke ${old.id}`, place)
  expect(dialog()?.textContent).toContain(warning)
  await press('Keep it')
  expect(rest.revokeSigningKey).not.toHaveBeenCalled()
  await press(`Revoke ${old.id}`, place)
  await press('Revoke', dialog() ?? undefined)
  expect(rest.revokeSigningKey).toHaveBeenLastCalledWith('7', old.id, false)
  expect(place.textContent).toContain('No signing keys yet')
  expect(counted).toEqual([1, 0])
})

it('ends the log-ins as well if that is asked for, and forgets that choice', async () => {
  rest.signingKeys.mockResolvedValue([fresh, old])
  const place = await draw()
  await press(`Revoke ${old.id}`, place)
  expect(dialog()?.textContent).not.toContain('only signing key')
  dialog()?.querySelector<HTMLElement>('[role=switch]')?.click()
  await settled()
  await press('Revoke', dialog() ?? undefined)
  expect(rest.revokeSigningKey).toHaveBeenLastCalledWith('7', old.id, true)
  await press(`Revoke ${fresh.id}`, place)
  expect(dialog()?.querySelector('[role=switch]')?.getAttribute('aria-checked')).toBe('false')
})

it('warns of a site on which nobody could chat', async () => {
  const warned = async (keys: number | undefined, only: boolean) => (await mounted(VerifiedVisitors, { keys, only, carry: true })).textContent.includes('nobody can chat now')
  expect(await warned(0, true)).toBe(true)
  for (const [keys, only] of [[1, true], [0, false], [undefined, true]] as const) expect(await warned(keys, only)).toBe(false)
})

it('reads days to keep, and knows when less is kept than before', () => {
  expect(['', ' ', '0', '7', ' 30 ', '3650'].map(daysOf)).toEqual([0, 0, 0, 7, 30, 3650])
  expect(['6', '3651', '-7', '7.5', 'x', '1e2', '30 days'].map(daysOf)).toEqual([null, null, null, null, null, null, null])
  expect([keepsLess(0, 30), keepsLess(90, 30)]).toEqual([true, true])
  expect([keepsLess(0, 0), keepsLess(30, 0), keepsLess(30, 30), keepsLess(30, 90)]).toEqual([false, false, false, false])
})
