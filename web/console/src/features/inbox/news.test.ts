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

it('sounds for who comes to wait, not for the first lists, a repeat, or what came while away', async () => {
  const inbox = useInbox()
  scope.run(() => { alertOnNews(() => undefined) })
  inbox.connection = { state: 'live' }
  inbox.snapshot('mine', [], false)
  inbox.snapshot('waiting', [waiting('a')], false)
  await nextTick()
  expect(chime).not.toHaveBeenCalled()

  inbox.put(waiting('b'))
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(1)

  inbox.put(waiting('b', 2, 2))
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(1)

  inbox.connection = { state: 'lost' }
  await nextTick()
  inbox.put(waiting('c'))
  await nextTick()
  inbox.connection = { state: 'live' }
  await nextTick()
  expect(chime).toHaveBeenCalledTimes(1)
  scope.stop()
})
