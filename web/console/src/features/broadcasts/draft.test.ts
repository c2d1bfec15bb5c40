// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { createApp, nextTick } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Broadcast, BroadcastContent } from '../../backend/broadcasts.ts'
import { Refused, restKey, type Rest } from '../../backend/rest.ts'
import { useSession } from '../../session.ts'
import { useDraft } from './draft.ts'
import { emptyForm } from './form.ts'
import { forgetBroadcasts, keep, keptOf, keyOf } from './keep.ts'
import { pace, useListing } from './listing.ts'

const offline = () => new Refused(0, 'offline', 'The server cannot be reached.')
let done: (() => void) | undefined

/** A server with one site's broadcasts. `lose` answers the next change of this name, and loses the answer. */
function makeServer() {
  const all = new Map<string, Broadcast>()
  let last = 0
  let lost = ''
  const answer = (name: string, one: Broadcast) => {
    all.set(one.id, one)
    if (lost !== name) return Promise.resolve(one)
    lost = ''
    return Promise.reject(offline())
  }
  const found = (id: string, version?: number) => {
    const one = all.get(id)
    if (!one) throw new Refused(404, 'not_found', 'There is none.')
    if (version !== undefined && one.version !== version) throw new Refused(409, 'conflict', 'It was changed.')
    return one
  }
  const rest = {
    broadcasts: vi.fn((_site: string, limit: number) => Promise.resolve([...all.values()].reverse().slice(0, limit))),
    broadcast: vi.fn((_site: string, id: string) => Promise.resolve(found(id))),
    makeBroadcast: vi.fn((_site: string, content: BroadcastContent) => answer('make', {
      ...content, id: String(++last), waves: 1, state: 'draft', created_at: 1, by: { kind: 'agent', id: 'ada' }, version: 1, expected: 0, delivered: 0, read: 0,
    })),
    changeBroadcast: vi.fn(async (_site: string, id: string, version: number, content: BroadcastContent) => answer('change', { ...found(id, version), ...content, waves: 1, version: version + 1 })),
    publishBroadcast: vi.fn(async (_site: string, id: string, version: number) => answer('publish', { ...found(id, version), state: 'published', version: version + 1 })),
    deleteBroadcast: vi.fn(),
  }
  return { rest, all, lose: (name: string) => { lost = name } }
}

/** Runs what belongs into a component. */
function within<T>(server: ReturnType<typeof makeServer>, use: () => T): T {
  let got: T | undefined
  const app = createApp({ setup() { got = use(); return () => null } })
  app.use(createPinia()).provide(restKey, server.rest as unknown as Rest)
  setActivePinia(app.config.globalProperties.$pinia)
  useSession().me = { id: 'ada', name: 'Ada', email: 'ada@shop.example', owner: true, sites: [], log_in: '5' }
  app.mount(document.createElement('div'))
  done = () => { app.unmount() }
  return got as T
}
const write = (server: ReturnType<typeof makeServer>, first: Broadcast | null = null) => within(server, () => useDraft('7', first, () => undefined))

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => {
  done?.()
  forgetBroadcasts()
  vi.useRealTimers()
})

it('saves what is written after a pause, and makes one draft of it, also when the answer is lost', async () => {
  const server = makeServer()
  const draft = write(server)
  server.lose('make')
  draft.form.text = 'hel'
  await nextTick()
  draft.form.text = 'hello'
  await vi.advanceTimersByTimeAsync(700)
  expect(server.rest.makeBroadcast).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(200)
  expect(draft.failure.value).not.toBeNull()
  expect(keptOf(keyOf('ada', '7', ''))).toMatchObject({ dirty: true, form: { text: 'hello' } })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(draft.failure.value).toBeNull()
  expect(server.rest.makeBroadcast).toHaveBeenCalledOnce()
  expect([draft.one.value?.id, draft.dirty.value]).toEqual(['1', false])
  expect(keptOf(keyOf('ada', '7', ''))).toBeUndefined()
})

it('takes a change of its own whose answer was lost for no one else’s', async () => {
  const server = makeServer()
  const draft = write(server)
  draft.form.text = 'hello'
  await draft.save()
  server.lose('change')
  draft.form.text = 'hello, all'
  await draft.save()
  draft.form.text = 'hello, all of you'
  await draft.save()
  expect([draft.clash.value, draft.one.value?.version, server.all.get('1')?.text]).toEqual([null, 3, 'hello, all of you'])
})

it('tells what somebody else did, and goes on with what was written', async () => {
  const server = makeServer()
  const draft = write(server)
  draft.form.text = 'hello'
  await draft.save()
  const one = server.all.get('1') as Broadcast
  server.all.set('1', { ...one, state: 'published', version: 2 })
  draft.form.text = 'hello, all'
  expect(await draft.save()).toBe(false)
  expect(draft.clash.value?.kind).toBe('out')
  await draft.keepMine()
  expect([draft.one.value?.id, server.all.get('2')?.text, server.all.get('1')?.text]).toEqual(['2', 'hello, all', 'hello'])
  server.all.delete('2')
  draft.form.text = 'hello again'
  await draft.save()
  expect(draft.clash.value?.kind).toBe('gone')
})

it('knows that it was sent although no answer came, and why it was not', async () => {
  const server = makeServer()
  const draft = write(server)
  draft.form.text = 'hello'
  server.rest.publishBroadcast.mockImplementationOnce(() => Promise.reject(new Refused(409, 'conflict', 'visitors see 20 broadcasts already')))
  expect(await draft.send()).toBeNull()
  expect(draft.notSent.value).toEqual({ tooMany: true })
  server.rest.publishBroadcast.mockImplementationOnce(() => Promise.reject(offline()))
  expect(await draft.send()).toBeNull()
  expect(draft.notSent.value).toMatchObject({ error: { code: 'offline' } })
  expect(keptOf(keyOf('ada', '7', '1'))?.form.text).toBe('hello')
  server.lose('publish')
  expect((await draft.send())?.state).toBe('published')
  expect(keptOf(keyOf('ada', '7', '1'))).toBeUndefined()
})

it('looks at counts every two seconds, only while something is out', async () => {
  const server = makeServer()
  const one = await server.rest.makeBroadcast('7', { text: 'hello', show: 'card', audience: { kind: 'all' } })
  const list = within(server, () => useListing(() => '7'))
  await vi.advanceTimersByTimeAsync(10 * pace)
  expect(server.rest.broadcasts).toHaveBeenCalledOnce()
  server.all.set('1', { ...one, state: 'published' })
  await list.load()
  server.all.set('1', { ...one, state: 'published', read: 1 })
  await vi.advanceTimersByTimeAsync(pace)
  expect(list.all.value?.[0]?.read).toBe(1)
  server.rest.broadcasts.mockImplementation(() => Promise.reject(offline()))
  const since = Date.now()
  await vi.advanceTimersByTimeAsync(2 * pace)
  expect(list.asOf.value).toBe(since)
  expect(list.all.value?.[0]?.read).toBe(1)
})

it('begins anew with a field that another version of the page kept otherwise', () => {
  const form = { ...emptyForm(), text: 'Tea', waves: 7 as unknown as string }
  keep(keyOf('ada', '1', ''), { form, version: 0, dirty: true, at: 1 })
  expect(keptOf(keyOf('ada', '1', ''))?.form).toMatchObject({ text: 'Tea', waves: '4' })
})
