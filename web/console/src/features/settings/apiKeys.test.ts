// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, h, nextTick, type App } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Refused, restKey, type ApiKey, type Rest } from '../../backend/rest.ts'
import ApiKeys from './ApiKeys.vue'

const shop: ApiKey = { id: '3', name: 'Order system', scopes: ['push', 'legacy'], made_by: 'Ada', made_at: Date.now() - 60_000, last_used_at: Date.now() }
const news: ApiKey = { id: '4', name: 'Newsletter', scopes: ['broadcast'], made_by: 'Ben', made_at: Date.now() - 60_000 }
const secret = 'kfk_' + 'x'.repeat(43)

let app: App | undefined
let rest: { [name in 'apiKeys' | 'makeApiKey' | 'revokeApiKey']: ReturnType<typeof vi.fn> }

beforeEach(() => {
  document.body.innerHTML = ''
  rest = {
    apiKeys: vi.fn(() => Promise.resolve([shop, news])),
    makeApiKey: vi.fn(() => Promise.resolve({ key: { ...news, id: '5', name: 'New one' }, secret })),
    revokeApiKey: vi.fn(() => Promise.resolve()),
  }
})
afterEach(() => { app?.unmount() })

const settled = async () => { for (let i = 0; i < 10; i++) { await Promise.resolve(); await nextTick() } }

async function draw(): Promise<HTMLElement> {
  const place = document.body.appendChild(document.createElement('div'))
  app = createApp({ render: () => h(ApiKeys, { site: '7' }) })
  app.use(createPinia()).provide(restKey, rest as unknown as Rest).mount(place)
  await settled()
  return place
}

function button(text: string, among: ParentNode = document.body): HTMLButtonElement {
  const found = [...among.querySelectorAll('button')].find(one => one.textContent.trim() === text || one.getAttribute('aria-label') === text)
  if (!found) throw new Error(`there is no button ${text}`)
  return found
}

async function press(text: string, among?: ParentNode): Promise<void> {
  button(text, among).click()
  await settled()
}

const dialog = () => document.body.querySelector<HTMLElement>('[role=dialog]')

async function write(text: string): Promise<void> {
  const input = dialog()?.querySelector('input')
  if (!input) throw new Error('there is no field')
  input.value = text
  input.dispatchEvent(new Event('input'))
  await settled()
}

it('lists a site’s keys with what they may do and when they were used', async () => {
  const place = await draw()
  expect(rest.apiKeys).toHaveBeenCalledWith('7')
  const rows = [...place.querySelectorAll('li')].map(row => row.textContent.replace(/\s+/g, ' '))
  expect(rows[0]).toMatch(/Order system.*Push by id.*Legacy protocols.*Made by Ada.*, used/)
  expect(rows[1]).toMatch(/Newsletter.*Broadcasts.*Made by Ben.*, never used/)
})

it('says that there are none, and that they could not be read', async () => {
  rest.apiKeys.mockResolvedValueOnce([])
  expect((await draw()).textContent).toContain('No API keys yet')
  app?.unmount()
  rest.apiKeys.mockRejectedValueOnce(new Refused(503, 'busy', ''))
  const place = await draw()
  expect(place.querySelector('[role=alert]')?.textContent).toContain('busy')
  await press('Try again')
  expect(place.querySelectorAll('li')).toHaveLength(2)
})

it('makes a key only with a name and a scope, and shows its secret once', async () => {
  const place = await draw()
  await press('Create a key', place)
  await press('Create a key', dialog() ?? undefined)
  expect(dialog()?.textContent).toContain('Fill in a name.')
  expect(dialog()?.textContent).toContain('Choose at least one.')
  expect(rest.makeApiKey).not.toHaveBeenCalled()
  expect([...dialog()?.querySelectorAll('.line .medium') ?? []].map(one => one.textContent)).toEqual(['Read', 'Write', 'Visitors’ data', 'Push by id', 'Broadcasts', 'Legacy protocols'])

  await write('  New one ')
  dialog()?.querySelectorAll<HTMLElement>('[role=switch]')[4]?.click()
  await settled()
  await press('Create a key', dialog() ?? undefined)
  expect(rest.makeApiKey).toHaveBeenCalledWith('7', 'New one', ['broadcast'])
  expect(dialog()?.textContent).toContain(secret)
  expect(place.querySelector('li')?.textContent).toContain('New one')
  await press('I have it')
  expect(document.body.textContent).not.toContain(secret)
  await press('Create a key', place)
  expect(document.body.textContent).not.toContain(secret)
  expect(dialog()?.querySelector('input')?.value).toBe('')
})

it('says why a key was not made', async () => {
  rest.makeApiKey.mockRejectedValueOnce(new Refused(409, 'too_many_keys', ''))
  await press('Create a key', await draw())
  await write('One more')
  dialog()?.querySelector<HTMLElement>('[role=switch]')?.click()
  await settled()
  await press('Create a key', dialog() ?? undefined)
  expect(dialog()?.querySelector('[role=alert]')?.textContent).toContain('at most 50')
})

it('revokes a key after it has asked', async () => {
  const place = await draw()
  await press('Revoke Order system', place)
  await press('Keep it')
  expect(rest.revokeApiKey).not.toHaveBeenCalled()
  await press('Revoke Order system', place)
  await press('Revoke', dialog() ?? undefined)
  expect(rest.revokeApiKey).toHaveBeenCalledWith('7', '3')
  expect([...place.querySelectorAll('li')].map(row => row.querySelector('.medium')?.textContent)).toEqual(['Newsletter'])
})
