// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { createApp, h, nextTick, type App } from 'vue'
import { createMemoryHistory, RouterView, type Router } from 'vue-router'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { restKey, type Me, type Rest, type SiteInfo } from '../../backend/rest.ts'
import type { SigningKey } from '../../backend/integration.ts'
import { makeRouter } from '../../router.ts'
import { useSession } from '../../session.ts'

const secret = 'kfs_' + 'x'.repeat(43)
const look = { brand: '#2a4fd6', placement: 'right', theme: 'auto', language: 'auto' }
const site = (id: string, name: string) => ({
  id, name, role: 'admin', key: `kwk_${id}`, version: 1, created_at: 1,
  settings: { look, origins: [], answer_goal_seconds: 60, one_connection: false, file_types: [], verified_only: false, carry_over: true, retain_days: 0 },
}) as unknown as SiteInfo
const keyOf = (id: string): SigningKey => ({ id: `kid-of-${id}`, made_by: 'Ada', made_at: 1 })
const me: Me = { id: '1', name: 'Ada', email: 'ada@shop.example', owner: true, sites: [{ id: '7', name: 'Shop', role: 'admin' }, { id: '8', name: 'Harbour', role: 'admin' }], log_in: '5' }

const calls = ['sites', 'snippet', 'signingKeys', 'makeSigningKey', 'revokeSigningKey', 'apiKeys', 'webhooks', 'changeSite'] as const
let app: App | undefined
let router: Router
let rest: Record<(typeof calls)[number], ReturnType<typeof vi.fn>>
let place: HTMLElement

beforeEach(async () => {
  document.body.innerHTML = ''
  rest = Object.fromEntries(calls.map(name => [name, vi.fn(() => Promise.resolve([]))])) as unknown as typeof rest
  rest.sites.mockResolvedValue([site('7', 'Shop'), site('8', 'Harbour')])
  rest.snippet.mockImplementation((id: string) => Promise.resolve({ origin: '', script: `script-of-${id}`, policy: '', chat: '' }))
  rest.signingKeys.mockImplementation((id: string) => Promise.resolve([keyOf(id)]))
  const pinia = createPinia()
  setActivePinia(pinia)
  useSession().me = me
  router = makeRouter(createMemoryHistory())
  place = document.body.appendChild(document.createElement('div'))
  app = createApp({ render: () => h(RouterView) }).use(pinia).use(router).provide(restKey, rest as unknown as Rest)
  await router.push('/settings/alerts')
  app.mount(place)
  await settled()
})
afterEach(() => { app?.unmount() })

const settled = async () => { for (let i = 0; i < 12; i++) { await Promise.resolve(); await nextTick() } }

async function go(path: string): Promise<void> {
  await router.push(path)
  await settled()
}

/** Something that is under way until it is told to come. */
function held<T>(value: T): { answer: Promise<T>; come: () => Promise<void> } {
  let done: (value: T) => void = () => undefined
  return { answer: new Promise<T>(resolve => { done = resolve }), come: async () => { done(value); await settled() } }
}

async function press(text: string, among: ParentNode = document.body): Promise<void> {
  const found = [...among.querySelectorAll<HTMLElement>('button, a')].find(one => one.textContent.trim() === text || one.getAttribute('aria-label') === text)
  if (!found) throw new Error(`there is no button ${text}`)
  found.click()
  await settled()
}

const dialog = () => document.body.querySelector<HTMLElement>('[role=dialog]')

it('shows nothing of the site before: neither its secret nor its keys', async () => {
  await go('/settings/sites/7')
  rest.makeSigningKey.mockResolvedValueOnce({ key: { ...keyOf('7'), id: 'kid-second' }, secret })
  await press('Create a second key')
  expect(dialog()?.textContent).toContain(`KEFU_SITE=kwk_7\nKEFU_KID=kid-second\nKEFU_SECRET=${secret}`)
  await go('/settings/sites/8')
  expect(document.body.textContent).not.toContain(secret)
  expect(place.textContent).toContain('kid-of-8')
  expect(place.textContent).not.toMatch(/kid-of-7|kid-second/)
})

it('loads what another site has while the site before is still being loaded', async () => {
  const slow = { keys: held([keyOf('7')]), snippet: held({ script: 'script-of-7' }) }
  rest.signingKeys.mockReturnValueOnce(slow.keys.answer)
  rest.snippet.mockReturnValueOnce(slow.snippet.answer)
  await go('/settings/sites/7')
  await go('/settings/sites/8')
  const only8 = () => {
    expect(place.textContent).toMatch(/script-of-8.*kid-of-8/s)
    expect(place.textContent).not.toMatch(/script-of-7|kid-of-7/)
  }
  only8()
  await slow.keys.come()
  await slow.snippet.come()
  only8()
})

it('leaves another site its keys when a key of the site before is revoked late', async () => {
  await go('/settings/sites/7')
  const slow = held(undefined)
  rest.revokeSigningKey.mockReturnValueOnce(slow.answer)
  await press('Revoke kid-of-7')
  await press('Revoke', dialog() ?? undefined)
  await go('/settings/sites/8')
  await slow.come()
  expect(rest.revokeSigningKey).toHaveBeenCalledWith('7', 'kid-of-7', false)
  expect(place.textContent).toContain('kid-of-8')
  expect(place.textContent).not.toContain('No signing keys yet')
})

it('loads the webhooks of another site while those of the site before are still being loaded', async () => {
  const slow = held([])
  rest.webhooks.mockReturnValueOnce(slow.answer)
  await go('/settings/sites/7/webhooks')
  await go('/settings/sites/8/webhooks')
  expect(rest.webhooks.mock.calls).toEqual([['7'], ['8']])
  expect(place.textContent).toContain('A webhook tells a server of yours at once')
})

const path = () => router.currentRoute.value.path

/** Changes the name of the site, and saves nothing. */
async function rename(name: string): Promise<void> {
  const input = [...place.querySelectorAll<HTMLInputElement>('input')].find(one => one.value === 'Shop')
  if (!input) throw new Error('there is no name')
  input.value = name
  input.dispatchEvent(new Event('input'))
  await settled()
}

it.each(['Manage webhooks', 'Harbour', 'Profile'])('asks before what is not saved is left for %s', async link => {
  await go('/settings/sites/7')
  await rename('Boats')
  await press(link, place)
  expect(dialog()?.textContent).toContain('Leave without saving?')
  expect(document.activeElement?.textContent).toBe('Stay')
  await press('Stay')
  expect(dialog()).toBeNull()
  expect(path()).toBe('/settings/sites/7')
  expect([...place.querySelectorAll('input')].some(one => one.value === 'Boats')).toBe(true)
  await press(link, place)
  await press('Leave without saving')
  await vi.waitFor(() => { expect(path()).not.toBe('/settings/sites/7') })
  expect(rest.changeSite).not.toHaveBeenCalled()
})

it('asks nothing where nothing has changed, or what changed was discarded', async () => {
  await go('/settings/sites/7')
  await go('/settings/sites/8')
  expect([path(), dialog()]).toEqual(['/settings/sites/8', null])
  await go('/settings/sites/7')
  await rename('Boats')
  await press('Discard')
  await go('/settings/profile')
  expect([path(), dialog()]).toEqual(['/settings/profile', null])
})

it.each([true, false])('waits for what is being saved before it asks (granted: %s)', async granted => {
  await go('/settings/sites/7')
  await rename('Boats')
  const slow = held({ ...site('7', 'Boats'), version: 2 })
  rest.changeSite.mockReturnValueOnce(slow.answer.then(saved => { if (granted) return saved; throw new Error('refused') }))
  await press('Save')
  void router.push('/settings/profile')
  await settled()
  expect([path(), dialog()]).toEqual(['/settings/sites/7', null])
  await slow.come()
  if (granted) await vi.waitFor(() => { expect(path()).toBe('/settings/profile') })
  else expect(dialog()?.textContent).toContain('Leave without saving?')
})

it('keeps nobody who is logged out, whatever is not saved or asked', async () => {
  await go('/settings/sites/7')
  await rename('Boats')
  void router.push('/settings/profile')
  await settled()
  useSession().me = null
  await router.push({ name: 'login' })
  expect(path()).toBe('/login')
})
