// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, defineComponent, nextTick, shallowRef } from 'vue'
import { expect, it } from 'vitest'
import { restKey, type Rest } from '../../backend/rest.ts'
import type { Row } from '../../backend/types.ts'
import { useInbox } from './store.ts'
import { useTold } from './told.ts'

it('asks once for whoever is looked at, however often the conversation is drawn anew, and again when the connection is back', async () => {
  const asked: string[] = []
  const rowOf = (v: number, id: string): Row => ({
    c: id, v, site: '1', visitor: { key: id, id, site: '1', presence: v % 2 ? 'online' : 'away' }, round: { number: 1, state: 'waiting' }, last_at: v, unread: v,
  })
  const shown = shallowRef({ row: rowOf(1, 'mia') })
  const see = async (row: Row) => {
    shown.value = { row }
    await nextTick()
  }
  const visitor = (site: string, id: string) => (asked.push(`${site}/${id}`), Promise.resolve({ id, created_at: 1, says: {} }))
  const app = createApp(defineComponent(() => {
    useTold(() => ({ site: shown.value.row.site, id: shown.value.row.visitor.id }))
    return () => null
  }))
  app.use(createPinia()).provide(restKey, { visitor } as Partial<Rest> as Rest)
  app.mount(document.createElement('div'))
  const inbox = useInbox()
  expect(asked).toEqual([])
  inbox.connection = { state: 'live' }
  await nextTick()
  for (let v = 2; v < 6; v++) await see(rowOf(v, 'mia'))
  expect(asked).toEqual(['1/mia'])
  await see(rowOf(6, 'ben'))
  expect(asked).toEqual(['1/mia', '1/ben'])
  for (const state of ['lost', 'live'] as const) {
    inbox.connection = { state }
    await nextTick()
  }
  expect(asked).toEqual(['1/mia', '1/ben', '1/ben'])
  app.unmount()
})
