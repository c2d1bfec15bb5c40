// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { effectScope, nextTick } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Row } from '../../backend/types.ts'
import { alertOnNews } from './news.ts'
import { chime } from './alerts.ts'
import { useInbox } from './store.ts'

vi.mock('./alerts.ts', () => ({ chime: vi.fn(), notifyDesktop: vi.fn() }))

const scope = effectScope()

function waiting(c: string, v = 1, unread = 1): Row {
  return { c, v, site: '1', visitor: { key: c, site: '1', presence: 'online' }, round: { number: 1, state: 'waiting' }, last_at: 1, unread }
}

beforeEach(() => { setActivePinia(createPinia()) })
afterEach(() => { vi.mocked(chime).mockClear() })

const list = (...rows: Row[]) => ({ rows, more: false, known: true })

it('sounds for who comes to wait, also while the connection was away, but not for the first lists or a repeat', async () => {
  const inbox = useInbox()
  scope.run(() => { alertOnNews(() => undefined) })
  inbox.held.mine = list()
  await nextTick()
  inbox.held.waiting = list(waiting('a'))
  await nextTick()
  inbox.held.open = list(waiting('a'))
  await nextTick()
  expect(chime).not.toHaveBeenCalled()

  inbox.held.waiting = list(waiting('a'), waiting('b'))
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(1)

  inbox.held.waiting = list(waiting('a'), waiting('b', 2, 2))
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(1)

  inbox.connection = { state: 'lost' }
  await nextTick()
  inbox.connection = { state: 'live' }
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(1)
  inbox.held.waiting = list(waiting('c'), waiting('d'))
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(2)
  scope.stop()
})
