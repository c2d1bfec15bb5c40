import { describe, expect, it } from 'vitest'
import { type Event, type OutboxItem } from '@client/index.ts'
import { linesOf, type Line } from '../src/panel/turns.ts'

const noon = new Date(2026, 10, 22, 12).getTime()
const lin = { kind: 'agent' as const, id: '1', name: 'Lin' }
const me = { kind: 'visitor' as const }
const none = { received: 0, read: 0 }

const message = (n: number, by: Event['by'], at = noon + n * 1_000, more: Partial<Event> = {}): Event => ({ n, tag: n, kind: 'message', v: 1, at, by, text: `text ${n}`, ...more })
const item = (id: string, state: OutboxItem['state'], more: Partial<OutboxItem> = {}): OutboxItem => ({ id, c: '', t: 'send', text: id, at: noon + 60_000, state, ...more })
const turns = (lines: Line[]) => lines.filter(line => line.kind === 'turn')
const kinds = (lines: Line[]) => lines.map(line => line.kind)

describe('the lines of a conversation', () => {
  it('group by turn: the same person, the same day, within five minutes', () => {
    const ben = { kind: 'agent' as const, id: '2', name: 'Ben' }
    const lines = linesOf([message(1, lin), message(2, lin), message(3, me), message(4, lin), message(5, ben), message(6, ben, noon + 600_000)], [], none, true)
    expect(turns(lines).map(turn => turn.bubbles.length)).toEqual([2, 1, 1, 1, 1])
    expect(turns(lines)[0]).toMatchObject({ name: 'Lin', at: noon + 2_000, mine: false })
  })

  it('end a turn where something else stands between', () => {
    const events = [message(1, me), message(2, me), message(3, me)]
    const cut = (...cuts: number[]) => turns(linesOf(events, [], none, true, cuts)).map(turn => turn.bubbles.length)
    expect([cut(noon + 2_000), cut(noon + 2_500), cut(noon, noon + 3_000), cut(noon + 1_000, noon + 2_000)]).toEqual([[2, 1], [2, 1], [3], [1, 1, 1]])
  })

  it('begin each day with its date', () => {
    const lines = linesOf([message(1, lin, noon - 86_400_000), message(2, lin, noon)], [], none, true)
    expect(kinds(lines)).toEqual(['day', 'turn', 'day', 'turn'])
  })

  it('tell how far mine came, once a turn', () => {
    const events = [message(1, me), message(2, lin), message(3, me), message(4, lin), message(5, me)]
    const lines = linesOf(events, [], { received: 3, read: 1 }, true)
    expect(turns(lines).map(turn => turn.mark)).toEqual(['read', undefined, 'delivered', undefined, 'sent'])
  })

  it('show what is on its way, and whether it waits for the connection', () => {
    expect(turns(linesOf([], [item('a', 'sending')], none, true))[0]?.mark).toBe('sending')
    expect(turns(linesOf([], [item('a', 'waiting')], none, false))[0]?.mark).toBe('waits')
    expect(turns(linesOf([], [item('a', 'sent')], none, false))[0]?.mark).toBe('sent')
  })

  it('never double a bubble, and keep its key when the item becomes an event', () => {
    const before = linesOf([], [item('a', 'sending')], none, true)
    const after = linesOf([message(1, me, noon, { id: 'a' })], [item('a', 'sent')], none, true)
    expect(turns(after).length).toBe(1)
    expect(turns(after)[0]?.key).toBe(turns(before)[0]?.key)
    expect(turns(after)[0]?.bubbles[0]?.key).toBe('a')
  })

  it('leave a failed one in its place', () => {
    const lines = linesOf([], [item('a', 'waiting'), item('b', 'failed', { code: 'old' }), item('c', 'waiting')], none, true)
    expect(kinds(lines)).toEqual(['day', 'turn', 'failed', 'turn'])
  })

  it('word what happened, and leave out what is no news to the visitor', () => {
    const by = lin
    const round = { number: 1, agent: { id: '1', name: 'Lin' } }
    const system = (n: number, kind: string, more: Partial<Event> = {}) => ({ ...message(n, by), kind, ...more })
    const lines = linesOf([system(1, 'opened'), system(2, 'assigned', { round }), system(3, 'released'), system(4, 'edit'), system(5, 'resolved'), system(6, 'rating', { fallback: 'Rated' }), system(7, 'silent')], [], none, true)
    expect(lines.slice(1)).toMatchObject([{ kind: 'joined', name: 'Lin' }, { kind: 'resolved' }, { kind: 'other', text: 'Rated' }])
  })

  it('say that a message was taken back, without its text', () => {
    const erased = message(1, me, noon, { erased: true })
    delete erased.text
    expect(kinds(linesOf([erased, message(2, me)], [], none, true))).toEqual(['day', 'recalled', 'turn'])
  })
})
