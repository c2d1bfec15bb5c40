// @vitest-environment happy-dom
import { createPinia, setActivePinia, type Pinia } from 'pinia'
import { createApp, nextTick } from 'vue'
import { createMemoryHistory, type Router } from 'vue-router'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { translator } from '@words/words.ts'
import { liveKey, type Live } from '../backend/live.ts'
import { restKey, type Rest } from '../backend/rest.ts'
import type { Connection, Role } from '../backend/types.ts'
import { useInbox } from '../features/inbox/store.ts'
import { useVisitors } from '../features/visitors/store.ts'
import { visitorWords } from '../features/visitors/words.ts'
import { makeRouter, prefetch } from '../router.ts'
import { useSession } from '../session.ts'
import { toast } from '../ui/toasts.ts'
import App from '../App.vue'
import { frameWords } from './words.ts'

const t = translator(frameWords, 'en')
const visitors = translator(visitorWords, 'en')
const live = { reconnect: vi.fn(), watchVisitors: vi.fn(), watch: vi.fn(), open: vi.fn(), close: vi.fn(), presence: vi.fn() }
const rest = { snippet: () => new Promise(() => undefined), sites: () => new Promise(() => undefined) }
let pinia: Pinia
let done: (() => void) | undefined

beforeEach(() => {
  pinia = createPinia()
  setActivePinia(pinia)
  useSession().me = { id: '1', name: 'Ada', email: 'ada@shop.example', owner: false, sites: [{ id: '7', name: 'Shop', role: 'agent' as Role }], log_in: '5' }
})
afterEach(() => {
  done?.()
  toast.value = null
  vi.clearAllMocks()
})

async function draw(path: string, router: Router = makeRouter(createMemoryHistory())): Promise<{ place: HTMLElement; router: Router }> {
  const place = document.body.appendChild(document.createElement('div'))
  const app = createApp(App).use(pinia).use(router)
  app.provide(liveKey, live as unknown as Live).provide(restKey, rest as unknown as Rest)
  await router.push(path)
  app.mount(place)
  done = () => { app.unmount(); place.remove() }
  return { place, router }
}

async function connection(state: Connection['state']): Promise<void> {
  useInbox().connection = { state, as_of: new Date(2026, 10, 23, 14, 6).getTime() }
  await nextTick()
}

it.each(['/', '/visitors', '/settings/alerts', '/conversations/404', '/nowhere'])('says on %s what the connection is, and how to have it back', async path => {
  const { place } = await draw(path)
  const banner = () => place.querySelector('.app__banner')
  await connection('live')
  expect(banner()?.textContent).toBe('')
  await connection('lost')
  expect(banner()?.textContent).toContain(t('noConnection'))
  await connection('elsewhere')
  expect(banner()?.textContent).toContain(t('elsewhere'))
  const button = banner()?.querySelector('button')
  expect(button?.textContent.trim()).toBe(t('useHere'))
  button?.click()
  expect(live.reconnect).toHaveBeenCalledTimes(1)
  expect(place.querySelectorAll('.banner')).toHaveLength(1)
})

it('claims no number of visitors that it does not know', async () => {
  const { place } = await draw('/visitors')
  await connection('live')
  expect(place.querySelector('.big')).toBeNull()
  expect(place.querySelector('.sk')).not.toBeNull()
  await connection('elsewhere')
  expect(place.querySelector('.big')).toBeNull()
  expect(place.querySelector('.sk')).toBeNull()
  expect(place.textContent).toContain(visitors('unknown'))
  useVisitors().state = { all: [], count: 0, known: true }
  await connection('live')
  expect(place.querySelector('.visitors__now')?.textContent).toBe(`0${visitors('online')}`)
  await connection('lost')
  expect(place.querySelector('.visitors__now')?.textContent).toBe(`0${visitors('asOf', { time: '14:06' })}`)
})

it('says that a page could not be loaded, and tries again', async () => {
  const router = makeRouter(createMemoryHistory())
  let reachable = false
  const load = vi.fn(() => (reachable ? Promise.resolve({ render: () => null }) : Promise.reject(new TypeError('Failed to fetch dynamically imported module'))))
  router.addRoute({ path: '/later', name: 'later', component: load as never })
  await draw('/', router)
  await connection('lost')
  await router.push('/later').catch(() => undefined)
  expect(toast.value?.text).toBe(t('notLoaded'))
  reachable = true
  toast.value?.act?.run()
  await vi.waitFor(() => { expect(router.currentRoute.value.path).toBe('/later') })
})

it('fetches every page before it is asked for', async () => {
  const router = makeRouter(createMemoryHistory())
  const load = vi.fn(() => Promise.reject(new Error('away')))
  router.addRoute({ path: '/later', name: 'later', component: load as never })
  await prefetch(router)
  expect(load).toHaveBeenCalledTimes(1)
})
