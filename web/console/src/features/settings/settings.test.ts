// @vitest-environment happy-dom
import { createPinia, getActivePinia, setActivePinia, type Pinia } from 'pinia'
import { createMemoryHistory } from 'vue-router'
import { beforeEach, expect, it, vi } from 'vitest'
import type { Me, Person, Rest } from '../../backend/rest.ts'
import type { Role } from '../../backend/types.ts'
import { makeRouter } from '../../router.ts'
import { useSession } from '../../session.ts'
import { browserName } from '../../ui/browser.ts'
import { createApp, h, nextTick, type Component } from 'vue'
import { widgetWords } from '@words/widget.ts'
import { translator } from '@words/words.ts'
import { useInbox } from '../inbox/store.ts'
import MemberRow from './MemberRow.vue'
import Preview from './Preview.vue'
import SaveBar from './SaveBar.vue'
import { merged, useSettings } from './store.ts'

const as = (role: Role, owner = false): Me => ({ id: '1', name: 'Ada', email: 'ada@shop.example', owner, sites: [{ id: '7', name: 'Shop', role }], log_in: '5' })
const person: Person = { id: '2', name: 'Ben', email: 'ben@shop.example', owner: false, disabled: false, has_password: true, roles: [{ site: '7', role: 'agent' }] }

beforeEach(() => { setActivePinia(createPinia()) })

it('shows each person only the settings that are theirs', async () => {
  const router = makeRouter(createMemoryHistory())
  const reached = async (me: Me, path: string) => {
    useSession().me = me
    await router.push('/settings/alerts')
    await router.push(path)
    return router.currentRoute.value.path
  }
  const paths = ['/settings/sites/7', '/settings/people', '/settings/sites/new']
  for (const path of paths) {
    expect(await reached(as('agent'), path)).toBe('/settings/profile')
    expect(await reached(as('supervisor'), path)).toBe('/settings/profile')
    expect(await reached(as('admin', true), path)).toBe(path)
  }
  expect(await reached(as('admin'), '/settings/people')).toBe('/settings/people')
  expect(await reached(as('admin'), '/settings/sites/new')).toBe('/settings/profile')
  useSession().me = null
  await router.push('/settings/alerts')
  expect(router.currentRoute.value.name).toBe('login')
})

it('makes one person of an agent’s places on several sites', () => {
  const ben = { id: '2', name: 'Ben', email: 'ben@shop.example' }
  const list = merged([{ site: '7', agents: [{ ...ben, role: 'agent' }] }, { site: '8', agents: [{ ...ben, role: 'admin' }, { id: '1', name: 'Ada', role: 'admin', owner: true }] }])
  expect(list.map(one => [one.name, one.owner, one.roles])).toEqual([
    ['Ada', true, [{ site: '8', role: 'admin' }]], ['Ben', false, [{ site: '7', role: 'agent' }, { site: '8', role: 'admin' }]],
  ])
})

it('gives and takes roles as the server grants it', async () => {
  const rest = { setRole: vi.fn(() => Promise.resolve()), removeAgent: vi.fn(() => Promise.reject(new Error('refused'))) } as unknown as Rest
  const settings = useSettings()
  settings.putPerson(person)
  await settings.setRole(rest, person, '8', 'admin')
  expect(settings.people?.[0]?.roles).toEqual([{ site: '7', role: 'agent' }, { site: '8', role: 'admin' }])
  await expect(settings.setRole(rest, person, '7', '')).rejects.toThrow('refused')
  expect(settings.people?.[0]?.roles).toHaveLength(2)
})

it('names a browser', () => {
  expect(browserName('Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0')).toBe('Firefox 145, Windows')
  expect(browserName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1')).toBe('Safari 18, iOS')
  expect(browserName('curl/8.0')).toBe('')
})

function draw(component: Component, props: Record<string, unknown>): HTMLElement {
  const place = document.body.appendChild(document.createElement('table')).appendChild(document.createElement('tbody'))
  createApp({ render: () => h(component, props) }).use(getActivePinia() as Pinia).mount(place)
  return place
}

it.each(['en', 'zh-CN'] as const)('shows the panel with its own words, in %s', language => {
  const w = translator(widgetWords, language)
  const look = { brand: '#2a4fd6', placement: 'right', theme: 'auto', language }
  const text = draw(Preview, { name: 'Shop', look }).textContent
  for (const key of ['hello', 'humans', 'online', 'yourName', 'optional', 'yourMessage', 'example', 'send'] as const) expect(text).toContain(w(key))
  expect(draw(Preview, { name: 'Shop', look: { ...look, greeting: 'Ahoy', title: 'Harbour' } }).textContent).toMatch(/Harbour.*Ahoy/)
})

it('says who is online now, and of the others when they were', async () => {
  const inbox = useInbox()
  inbox.me = { id: '1', name: 'Ada', presence: 'online' }
  const place = draw(MemberRow, { person, sites: [], me: '1', whole: false })
  const seen = () => place.querySelector('.r')?.textContent.trim()
  expect(seen()).toBe('Never online')
  inbox.connection = { state: 'live' }
  inbox.agents = [{ id: '2', name: 'Ben', presence: 'away', sites: ['7'] }]
  await nextTick()
  expect(seen()).toBe('Online now')
  inbox.connection = { state: 'lost' }
  await nextTick()
  expect(seen()).toBe('Never online')
})

it('saves only what has changed', () => {
  const saved = vi.fn()
  for (const changed of [false, true]) {
    const button = draw(SaveBar, { changed, busy: false, onSave: saved }).querySelector<HTMLButtonElement>('.btn--primary')
    expect(button?.getAttribute('aria-disabled')).toBe(changed ? null : 'true')
    button?.click()
  }
  expect(saved).toHaveBeenCalledTimes(1)
})
