// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { createApp, h, nextTick } from 'vue'
import { createMemoryHistory, createRouter, RouterView, type Router } from 'vue-router'
import { expect, it } from 'vitest'
import type { Me, SiteInfo } from '../../backend/rest.ts'
import { useSession } from '../../session.ts'
import FirstLevel from './FirstLevel.vue'
import { useSettings } from './store.ts'

const me: Me = { id: '1', name: 'Ada', email: 'ada@shop.example', owner: true, sites: [{ id: '7', name: 'Shop', role: 'admin' }], log_in: '5' }
const sites = [{ id: '7', name: 'Shop', role: 'admin' }] as unknown as SiteInfo[]
const page = { render: () => h('div') }

/** The settings without a page, on a wide screen, while the sites are still asked for. loaded ends the loading of the page about people. */
async function open(): Promise<{ router: Router; loaded: () => void }> {
  const pinia = createPinia()
  setActivePinia(pinia)
  useSession().me = me
  let loaded = () => {}
  const people = new Promise<typeof page>(done => { loaded = () => { done(page) } })
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/settings', component: FirstLevel }, { path: '/settings/sites/:id', component: page }, { path: '/settings/profile', component: page },
      { path: '/settings/people', component: () => people },
    ],
  })
  await router.push('/settings')
  createApp({ render: () => h(RouterView) }).use(pinia).use(router).mount(document.createElement('div'))
  await nextTick()
  return { router, loaded }
}

it('goes to the first site when it is known', async () => {
  const { router } = await open()
  expect(router.currentRoute.value.path).toBe('/settings')
  useSettings().sites = sites
  await expect.poll(() => router.currentRoute.value.path).toBe('/settings/sites/7')
})

it('goes to the profile where there is no site', async () => {
  const { router } = await open()
  useSettings().sites = []
  await expect.poll(() => router.currentRoute.value.path).toBe('/settings/profile')
})

it('leaves whoever has chosen a page by then where they go', async () => {
  const { router, loaded } = await open()
  const chosen = router.push('/settings/people')
  useSettings().sites = sites
  await nextTick()
  loaded()
  expect(await chosen).toBeUndefined()
  expect(router.currentRoute.value.path).toBe('/settings/people')
})
