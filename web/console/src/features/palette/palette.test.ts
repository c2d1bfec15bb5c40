// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, h, nextTick } from 'vue'
import { createMemoryHistory } from 'vue-router'
import { expect, it } from 'vitest'
import { liveKey, type Live } from '../../backend/live.ts'
import type { Row } from '../../backend/types.ts'
import { makeRouter } from '../../router.ts'
import { lang } from '../../ui/language.ts'
import { useInbox } from '../inbox/store.ts'
import CommandPalette from './CommandPalette.vue'
import { foundIn } from './match.ts'

const row: Row = {
  c: 'c', v: 1, site: '1', visitor: {
    key: 'k', site: '1', presence: 'online', says: { name: 'Mia', email: 'said@home.example' }, verified: true, vouched: { id: '4711', name: 'Lin', email: 'lin@shop.example' },
  },
  round: { number: 1, state: 'waiting' }, last_at: 1, unread: 0,
}

it('finds a conversation by the name and by both e-mail addresses of its visitor', () => {
  for (const text of ['', 'lin', 'LIN@shop', 'said@home']) expect(foundIn(row, text)).toMatchObject({ name: 'Lin' })
  expect(foundIn(row, 'lin')?.parts).toEqual(['', 'Lin', ''])
  expect(foundIn(row, 'nobody@shop')).toBe(null)
})

it('marks a name that is only said, in both languages, and none that the website vouches for', async () => {
  const app = createApp({ render: () => h(CommandPalette, { open: true }) })
  app.use(createPinia()).use(makeRouter(createMemoryHistory())).provide(liveKey, {} as Live).mount(document.createElement('div'))
  const said: Row = { ...row, c: 'said', last_at: 0, visitor: { key: 'said', site: '1', presence: 'online', says: { name: 'Mia' } } }
  useInbox().held.open = { rows: [row, said], more: false, known: true }
  await nextTick()
  const marks = () => [...document.querySelectorAll('[role=option]')].slice(0, 2).map(one => [one.querySelector('.medium')?.textContent, one.querySelector('.says')?.textContent])
  expect(marks()).toEqual([['Lin', undefined], ['Mia', 'says so']])
  lang.value = 'zh-CN'
  await nextTick()
  expect(marks()).toEqual([['Lin', undefined], ['Mia', '自称']])
  lang.value = 'en'
  app.unmount()
})
