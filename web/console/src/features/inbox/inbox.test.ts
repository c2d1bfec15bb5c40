import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Conversation, LogEvent, Round, Row } from '../../backend/types.ts'
import { linesOf } from './lines.ts'
import { isNews } from './news.ts'
import { firstView, longestWaiting, neighbour, ordered, parted } from './order.ts'
import { rightsOf } from './rights.ts'
import { useInbox } from './store.ts'
import { lengthOf, sendsOn } from './writing.ts'

const noon = new Date(2026, 10, 22, 12).getTime()
const minute = 60_000

function row(c: string, round: Partial<Round> = {}, more: Partial<Row> = {}): Row {
  return { c, v: 1, site: '1', visitor: { key: c, site: '1', presence: 'online' }, round: { number: 1, state: 'assigned', agent: { id: 'me', name: 'Me' }, ...round }, last_at: noon, unread: 0, ...more }
}

function event(n: number, more: Partial<LogEvent> = {}): LogEvent {
  return { n, tag: n, v: 1, kind: 'message', at: noon + n * 1000, by: { kind: 'visitor' }, text: `text ${n}`, ...more }
}

function conversation(events: LogEvent[], more: Partial<Conversation> = {}): Conversation {
  return { row: row('c'), events, more: false, unsent: [], theirs: { received: 0, read: 0 }, rounds: [], looking: [], typing: [], ...more }
}

const mine = { kind: 'agent', id: 'me' } as const

describe('the lists', () => {
  it('put who waits longest first, then who was answered last', () => {
    const rows = [row('late', {}, { last_at: noon - 1 }), row('new', {}, { last_at: noon }), row('short', { unanswered_since: noon - 1 }), row('long', { unanswered_since: noon - 9 })]
    expect(ordered(rows, 'mine').map(one => one.c)).toEqual(['long', 'short', 'new', 'late'])
    expect(parted(ordered(rows, 'mine')).reply.map(one => one.c)).toEqual(['long', 'short'])
    expect(longestWaiting(rows)?.c).toBe('long')
  })

  it('walk with next and previous, and stop at the ends', () => {
    const rows = [row('a'), row('b')]
    expect(neighbour(rows, 'a', 1)?.c).toBe('b')
    expect(neighbour(rows, 'b', 1)?.c).toBe('b')
    expect(neighbour(rows, null, 1)?.c).toBe('a')
    expect(neighbour([], null, -1)).toBeUndefined()
  })

  it('open where there is work', () => {
    expect(firstView([row('a', { unanswered_since: noon })], 5)).toBe('mine')
    expect(firstView([row('a')], 5)).toBe('waiting')
    expect(firstView([row('a')], 0)).toBe('mine')
  })

  it('show what is resolved by when it was last written in', () => {
    const rows = [row('old', { state: 'resolved', unanswered_since: 1 }, { last_at: 1 }), row('new', { state: 'resolved' }, { last_at: 2 })]
    expect(ordered(rows, 'resolved').map(one => one.c)).toEqual(['new', 'old'])
  })
})

describe('the store', () => {
  beforeEach(() => { setActivePinia(createPinia()) })

  it('knows each row once, in its newest version', () => {
    const inbox = useInbox()
    inbox.held.open = { rows: [row('a', {}, { v: 5, unread: 2 })], more: false, known: true }
    inbox.held.mine = { rows: [row('a', {}, { v: 4, unread: 1 }), row('b')], more: false, known: true }
    expect([...inbox.rows.values()].map(one => [one.c, one.v]).sort()).toEqual([['a', 5], ['b', 1]])
  })

  it('keeps nothing of the last agent', () => {
    const inbox = useInbox()
    inbox.me.id = 'me'
    inbox.held.mine = { rows: [row('a')], more: false, known: true }
    inbox.conversations.set('c', conversation([event(1)]))
    inbox.reset()
    expect([inbox.me.id, inbox.rows.size, inbox.conversations.size, inbox.held.mine.known]).toEqual(['', 0, 0, false])
  })
})

describe('the lines of a conversation', () => {
  it('group a turn, with one mark at its end', () => {
    const lines = linesOf(conversation([event(1), event(2), event(3, { by: mine }), event(4, { by: mine })], { theirs: { received: 4, read: 3 } }), 'me')
    const bubbles = lines.filter(line => line.type === 'bubble')
    expect(lines[0]?.type).toBe('day')
    expect(bubbles.map(line => [line.side, line.first, line.last, line.mark])).toEqual([
      ['theirs', true, false, 'none'], ['theirs', false, true, 'none'], ['mine', true, false, 'read'], ['mine', false, true, 'delivered'],
    ])
  })

  it('begin a new turn after a silence, a note, or another person', () => {
    const lines = linesOf(conversation([event(1), event(2, { at: noon + 6 * minute }), event(3, { kind: 'note', by: mine, at: noon + 6 * minute }), event(4, { at: noon + 6 * minute })]), 'me')
    expect(lines.map(line => line.type)).toEqual(['day', 'bubble', 'bubble', 'note', 'bubble'])
    expect(lines.filter(line => line.type === 'bubble').map(line => line.first)).toEqual([true, true, true])
  })

  it('show what is unsent at the end, under a key that survives its arrival', () => {
    const unsent = linesOf(conversation([event(1)], { unsent: [{ id: 'x', kind: 'message', text: 'hi', at: noon + minute, state: 'failed' }] }), 'me')
    const sent = linesOf(conversation([event(1), event(2, { by: mine, id: 'x' })]), 'me')
    expect(unsent.at(-1)).toMatchObject({ type: 'bubble', mark: 'failed', side: 'mine' })
    expect(unsent.at(-1)?.key).toBe(sent.at(-1)?.key)
  })

  it('mark where the unread begins, and hide edits and recalls', () => {
    const lines = linesOf(conversation([event(1), event(2, { kind: 'edit' }), event(3)]), 'me', 1)
    expect(lines.map(line => line.type)).toEqual(['day', 'bubble', 'new', 'bubble'])
  })

  it('speak of a new round only where there was one before', () => {
    const opened = (number: number) => linesOf(conversation([event(1, { kind: 'opened', round: { number } }), event(2)]), 'me').map(line => line.type)
    expect(opened(1)).toEqual(['day', 'bubble'])
    expect(opened(2)).toEqual(['day', 'system', 'bubble'])
  })

  const word = (id: string, at: number) => ({ id, n: Number(id), at, show: 'message', text: `word ${id}` })

  it('hold what came to the visitor as to many, at its place by time', () => {
    const events = [event(1), event(2), event(3)]
    const types = (at: number, more: Partial<Conversation> = {}) => linesOf(conversation(events, { broadcasts: [word('9', at)], ...more }), 'me').map(line => line.type)
    expect(types(noon + 2500)).toEqual(['day', 'bubble', 'bubble', 'word', 'bubble'])
    expect(types(noon + 9000)).toEqual(['day', 'bubble', 'bubble', 'bubble', 'word'])
    expect(types(noon)).toEqual(['day', 'word', 'bubble', 'bubble', 'bubble'])
    expect(types(noon - 24 * 60 * minute)).toEqual(['day', 'word', 'day', 'bubble', 'bubble', 'bubble'])
    expect(types(noon, { more: true })).toEqual(['day', 'bubble', 'bubble', 'bubble'])
    const turns = linesOf(conversation(events, { broadcasts: [word('9', noon + 2500), word('8', noon + 2400)] }), 'me')
    expect(turns.flatMap(line => (line.type === 'bubble' ? [`${line.first} ${line.last}`] : line.type === 'word' ? [line.one.id] : []))).toEqual(['true false', 'false true', '8', '9', 'true true'])
    expect(types(noon + 2 * minute, { unsent: [{ id: 'x', kind: 'message', text: 'hi', at: noon + minute, state: 'waiting' }] })).toEqual(['day', 'bubble', 'bubble', 'bubble', 'word', 'bubble'])
  })

  it('name what a message answers, also if it is not known here', () => {
    const lines = linesOf(conversation([event(1, { broadcast: '9' }), event(2, { broadcast: '4' }), event(3, { broadcast: '9', erased: true }), event(4)], { broadcasts: [word('9', noon)] }), 'me')
    expect(lines.flatMap(line => (line.type === 'bubble' ? [line.answers] : []))).toEqual([word('9', noon), 'gone', undefined, undefined])
  })

  it('have keys of their own', () => {
    const days = Array.from({ length: 40 }, (_, i) => event(i + 1, { at: noon + i * 20 * 3_600_000, kind: i % 5 ? 'message' : 'assigned' }))
    const keys = linesOf(conversation(days), 'me').map(line => line.key)
    expect(new Set(keys).size).toBe(keys.length)
  })
})

it('says what an agent may do with a round', () => {
  const assigned = (id: string): Round => ({ number: 1, state: 'assigned', agent: { id, name: id } })
  expect(rightsOf({ number: 1, state: 'waiting' }, 'me', 'agent')).toEqual({ take: true, resolve: true, release: false, assign: false, reply: true })
  expect(rightsOf(assigned('me'), 'me', 'agent')).toEqual({ take: false, resolve: true, release: true, assign: true, reply: true })
  expect(rightsOf(assigned('other'), 'me', 'agent')).toEqual({ take: false, resolve: false, release: false, assign: false, reply: false })
  expect(rightsOf(assigned('other'), 'me', 'supervisor')).toEqual({ take: false, resolve: true, release: true, assign: true, reply: true })
  expect(rightsOf({ number: 1, state: 'resolved' }, 'me', 'agent')).toEqual({ take: false, resolve: false, release: false, assign: false, reply: true })
})

it('knows what is news', () => {
  const seen = (state: string, unread: number, owner?: string) => ({ state, unread, owner })
  expect(isNews(undefined, seen('waiting', 1), 'me')).toBe(true)
  expect(isNews(seen('waiting', 1), seen('waiting', 2), 'me')).toBe(false)
  expect(isNews(seen('assigned', 0, 'me'), seen('assigned', 1, 'me'), 'me')).toBe(true)
  expect(isNews(seen('assigned', 1, 'me'), seen('assigned', 0, 'me'), 'me')).toBe(false)
  expect(isNews(seen('assigned', 0, 'other'), seen('assigned', 0, 'me'), 'me')).toBe(true)
  expect(isNews(seen('assigned', 0, 'other'), seen('assigned', 3, 'other'), 'me')).toBe(false)
})

it('sends on Enter, but not while an input method composes', () => {
  const key = { key: 'Enter', shiftKey: false, ctrlKey: false, altKey: false, isComposing: false, keyCode: 13 }
  expect(sendsOn(key)).toBe(true)
  expect(sendsOn({ ...key, shiftKey: true })).toBe(false)
  expect(sendsOn({ ...key, isComposing: true })).toBe(false)
  expect(sendsOn({ ...key, keyCode: 229 })).toBe(false)
})

it('counts code points', () => {
  expect(lengthOf('a👍中')).toBe(3)
  expect(lengthOf('👍'.repeat(20_000))).toBe(20_000)
})

describe('what is not whole', () => {
  const kinds = (lines: ReturnType<typeof linesOf>) => lines.map(line => ('c' in line ? `${line.type} ${line.c}` : line.type))

  it('says at its beginning that what was older is no longer kept', () => {
    expect(kinds(linesOf(conversation([event(8)], { removed: true }), 'me'))).toEqual(['removed', 'day', 'bubble'])
    expect(kinds(linesOf(conversation([event(8)], { more: true }), 'me'))).toEqual(['day', 'bubble'])
    expect(kinds(linesOf(conversation([], { removed: true }), 'me'))).toEqual(['removed'])
  })

  it('names once where what was taken along stood, and ends the turn there', () => {
    const from = (n: number, c: string) => event(n, { origin: { c, n } })
    const lines = linesOf(conversation([event(1), from(2, 'old'), from(3, 'old'), event(4)]), 'me')
    expect(kinds(lines)).toEqual(['day', 'bubble', 'origin old', 'bubble', 'bubble', 'bubble'])
    expect(lines.flatMap(line => (line.type === 'bubble' ? [[line.first, line.last]] : []))).toEqual([[true, true], [true, false], [false, true], [true, true]])
  })

  it('keeps what came by a key out of a turn that was written by hand', () => {
    const lines = linesOf(conversation([event(1, { by: mine }), event(2, { by: mine, via: { kind: 'key', id: '9', name: 'Desk' } }), event(3, { by: mine })]), 'me')
    expect(lines.flatMap(line => (line.type === 'bubble' ? [line.last] : []))).toEqual([true, true, true])
  })
})
