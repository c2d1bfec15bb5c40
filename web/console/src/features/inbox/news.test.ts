// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { effectScope, nextTick } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Conversation, Row } from '../../backend/types.ts'
import { lang } from '../../ui/language.ts'
import { toast } from '../../ui/toasts.ts'
import { alertOnNews } from './news.ts'
import { chime, notifyDesktop } from './alerts.ts'
import { useInbox } from './store.ts'

vi.mock('./alerts.ts', () => ({ chime: vi.fn(), notifyDesktop: vi.fn() }))

function waiting(c: string, v = 1, unread = 1): Row {
  return { c, v, site: '1', visitor: { key: c, site: '1', presence: 'online' }, round: { number: 1, state: 'waiting' }, last_at: 1, unread }
}

beforeEach(() => { setActivePinia(createPinia()) })
afterEach(() => {
  vi.mocked(chime).mockClear()
  vi.mocked(notifyDesktop).mockClear()
  toast.value = null
  lang.value = 'en'
})

const said = () => toast.value?.text
const list = (...rows: Row[]) => ({ rows, more: false, known: true })

it('sounds for who comes to wait, also while the connection was away, but not for the first lists or a repeat', async () => {
  const scope = effectScope()
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

it('tells whom a round is handed to, and marks it until it is opened', async () => {
  const scope = effectScope()
  const inbox = useInbox()
  inbox.me.id = 'me'
  const opened = vi.fn()
  const of = (agent: string, c = 'a', v = 1): Row => ({ ...waiting(c, v, 0), round: { number: 1, state: 'assigned', agent: { id: agent, name: agent } } })
  const come = async (...rows: Row[]) => {
    inbox.held.open = list(...rows)
    await nextTick()
  }
  scope.run(() => { alertOnNews(opened) })
  inbox.held.waiting = inbox.held.mine = list()
  await come(of('ben'), waiting('b'), waiting('c'), of('me', 'd'))
  expect([said(), inbox.handed.size]).toEqual([undefined, 0])

  await come(of('me', 'a', 2), waiting('b'), waiting('c'), of('me', 'd'))
  expect(said()).toMatch(/ is yours now$/)
  expect([...inbox.handed]).toEqual(['a'])
  expect(chime).toHaveBeenCalledTimes(1)
  expect(vi.mocked(notifyDesktop).mock.calls[0]?.[1]).toBe('Handed to you')
  toast.value?.act?.run()
  expect(opened).toHaveBeenCalledWith('a')
  inbox.open = 'a'
  await nextTick()
  expect([inbox.handed.size, said()]).toEqual([0, undefined])

  // What this screen took itself is no news, and a supervisor's gift is; several are told in one toast.
  inbox.open = null
  toast.value = null
  inbox.own.add('b')
  await come(of('me', 'a', 2), of('me', 'b', 2), waiting('c'), of('me', 'd'))
  expect([said(), inbox.handed.size, inbox.own.size]).toEqual([undefined, 0, 0])
  await come(of('ben', 'a', 3), of('ben', 'b', 3), of('me', 'c', 2), of('me', 'd'))
  expect([...inbox.handed]).toEqual(['c'])
  await come(of('me', 'a', 4), of('me', 'b', 4), of('ben', 'c', 3), of('me', 'd'))
  expect(said()).toBe('2 conversations are yours now')
  expect([...inbox.handed].sort()).toEqual(['a', 'b'])

  // What the same agent took on another screen is none here, where the conversation stands open without the focus.
  toast.value = null
  const took = (by: string) => ({ events: [{ n: 2, tag: 2, v: 1, kind: 'assigned', at: 2, by: { kind: 'agent', id: by } }] }) as unknown as Conversation
  inbox.conversations.set('c', took('me'))
  await come(of('me', 'c', 4))
  expect(said()).toBeUndefined()
  await come(of('ben', 'c', 5))
  inbox.conversations.set('c', took('ben'))
  await come(of('me', 'c', 6))
  expect(said()).toMatch(/ is yours now$/)
  scope.stop()
})

it.each([
  ['en', '\u2068Mia\u2069 (says so)', '\u2068Mia\u2069 (says so) is yours now', 'Lin is yours now'],
  ['zh-CN', '\u2068Mia\u2069（自称）', '\u2068Mia\u2069（自称）现在由你接待', 'Lin 现在由你接待'],
] as const)('marks in %s a name that is only said, and none that the website vouches for', async (which, title, hers, lins) => {
  const scope = effectScope()
  const inbox = useInbox()
  lang.value = which
  inbox.me.id = 'me'
  const mia = waiting('mia')
  mia.visitor.says = { name: 'Mia' }
  const lin = waiting('lin')
  lin.visitor = { ...lin.visitor, says: { name: 'The boss' }, vouched: { id: '4711', name: 'Lin' } }
  const handed = (row: Row): Row => ({ ...row, v: 2, round: { number: 1, state: 'assigned', agent: { id: 'me', name: 'Me' } } })
  scope.run(() => { alertOnNews(() => undefined) })
  inbox.held.mine = inbox.held.waiting = inbox.held.open = list()
  await nextTick()
  inbox.held.open = list(mia, lin)
  await nextTick()
  expect(vi.mocked(notifyDesktop).mock.calls.map(call => call[0])).toEqual([title, 'Lin'])
  inbox.held.open = list(handed(mia), lin)
  await nextTick()
  expect(said()).toBe(hers)
  inbox.held.open = list(handed(mia), handed(lin))
  await nextTick()
  expect(said()).toBe(lins)
  scope.stop()
})
