import { describe, expect, it } from 'vitest'
import { Log, mostEvents } from '../src/log.ts'
import { type Event, type Page } from '../src/wire.ts'
import { FakeWorld, settle } from './fakes.ts'
import { ModelServer } from './server.ts'

function log(server = new ModelServer(), answer: (page: Page) => Promise<Page> = page => Promise.resolve(page)) {
  const world = new FakeWorld()
  const asked: object[] = []
  const applied: number[] = []
  const copy = new Log(world, (where, limit) => {
    asked.push(where)
    return answer(server.page({ ...where, limit }, 200))
  }, event => applied.push(event.n))
  return { copy, world, server, asked, applied, shown: () => copy.state.get().events.map(({ n }) => n), texts: () => copy.state.get().events.map(({ text }) => text) }
}

const many = (count: number) => {
  const server = new ModelServer()
  for (let i = 1; i <= count; i++) server.append(`text ${i}`)
  return server
}

describe('a log', () => {
  it('takes each event once, whatever comes how often', () => {
    const { copy, server, shown, applied } = log()
    const events = [server.append('a'), server.append('b')]
    for (const event of [...events, ...events, ...events]) copy.event(event)
    expect(shown()).toEqual([1, 2])
    expect(applied).toEqual([1, 2])
  })

  it('asks for a gap, and keeps what came too early', async () => {
    const { copy, server, shown, asked } = log(many(3))
    copy.page(server.page({ before: 0 }))
    server.append('lost')
    copy.event(server.append('five'))
    copy.event(server.append('six'))
    expect(shown()).toEqual([1, 2, 3])
    await settle()
    expect(shown()).toEqual([1, 2, 3, 4, 5, 6])
    expect(asked).toEqual([{ after: { n: 3, tag: 3 * 7919 } }])
  })

  it('asks again when the answer does not come', async () => {
    let broken = true
    const { copy, server, world, shown } = log(many(3), page => (broken ? Promise.reject(new Error('no')) : Promise.resolve(page)))
    copy.page(server.page({ before: 0 }))
    server.append('lost')
    copy.event(server.append('five'))
    await settle()
    broken = false
    await world.pass(1_000)
    expect(shown()).toEqual([1, 2, 3, 4, 5])
  })

  it('drops its copy when a known number has another tag', async () => {
    const { copy, server, shown, texts } = log(many(3))
    copy.page(server.page({ before: 0 }))
    const other = many(0)
    for (const text of ['x', 'y']) other.append(text)
    server.events.splice(0, 3, ...other.events.map(event => ({ ...event, tag: event.tag + 1 })))
    copy.event(server.events[1] as Event)
    await settle()
    expect(shown()).toEqual([1, 2])
    expect(texts()).toEqual(['x', 'y'])
  })

  it('goes up page by page to the first, and no further', async () => {
    const { copy, server, shown, asked } = log(many(120))
    copy.page(server.page({ before: 0 }))
    expect(shown()[0]).toBe(71)
    expect(await copy.loadOlder()).toBe(true)
    expect(await copy.loadOlder()).toBe(true)
    expect(shown()).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
    expect(copy.state.get().older).toBe(false)
    const before = asked.length
    expect(await copy.loadOlder()).toBe(false)
    expect(asked.length).toBe(before)
  })

  it('loads the newest page when it is far behind, and all that was missed when it is not', async () => {
    const near = log(many(10))
    near.copy.page(near.server.page({ before: 0 }))
    for (let i = 0; i < 700; i++) near.server.append('more')
    near.copy.page(near.server.page({ after: { n: 10, tag: 10 * 7919 } }))
    await settle()
    expect(near.shown().length).toBe(710)
    const far = log(many(10))
    far.copy.page(far.server.page({ before: 0 }))
    for (let i = 0; i < 3_000; i++) far.server.append('more')
    far.copy.page(far.server.page({ after: { n: 10, tag: 10 * 7919 } }))
    await settle()
    expect(far.shown()).toEqual(Array.from({ length: 50 }, (_, i) => 2_961 + i))
    expect(far.copy.state.get().older).toBe(true)
  })

  it('keeps a bounded part of an endless log', () => {
    const { copy, server, shown } = log()
    for (let i = 0; i < mostEvents + 10; i++) copy.event(server.append('x'))
    expect(shown().length).toBe(mostEvents)
    expect(shown().at(-1)).toBe(mostEvents + 10)
    expect(copy.state.get().older).toBe(true)
  })

  it('shows the newest form of an edited text, also when the page with the old one is late', async () => {
    const { copy, server, texts } = log(many(60))
    copy.page(server.page({ before: 0 }))
    const stale = server.page({ before: 11 })
    const edited = { ...(server.events[4] as Event), text: 'better', rev: 1 }
    const edit = { ...server.append(''), kind: 'edit', target: edited }
    copy.event(edit)
    const older = copy.loadOlder()
    await older
    expect(stale.events[4]?.text).toBe('text 5')
    expect(texts()[4]).toBe('better')
  })

  it('does not go back from an erased text to an edited one', () => {
    const { copy, server, texts } = log(many(1))
    copy.page(server.page({ before: 0 }))
    const first = server.events[0] as Event
    const bare = { ...first }
    delete bare.text
    copy.event({ ...server.append(''), kind: 'recall', target: { ...bare, rev: 1, erased: true } })
    copy.event({ ...server.append(''), kind: 'edit', target: { ...first, rev: 2, text: 'back' } })
    expect(texts()[0]).toBeUndefined()
  })
})
