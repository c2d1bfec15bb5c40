// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia'
import { nextTick } from 'vue'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Cell, Refused, type ConnectionState, type ConversationState, type Event, type ListState, type LogState, type OutboxItem, type Round, type Row, type View } from '@client/index.ts'
import { keepDraft } from '../features/inbox/drafts.ts'
import { useInbox } from '../features/inbox/store.ts'
import { useVisitors } from '../features/visitors/store.ts'
import { preferences } from '../ui/preferences.ts'
import { AgentLive, connectionOf, type Client } from './agent.ts'
import type { Me } from './rest.ts'

const ada: Me = { id: '1', name: 'Ada', email: 'ada@shop.example', owner: false, sites: [{ id: '7', name: 'Shop', role: 'agent' }], log_in: '5' }
const round: Round = { number: 1, state: 'assigned', agent: { id: '1', name: 'Ada' } }
const row = (c: string, more: Partial<Row> = {}): Row => ({ c, v: 1, site: '7', visitor: { key: 'k', site: '7', presence: 'online' }, round: { number: 1, state: 'waiting' }, last_at: 1, unread: 2, ...more })
const event = (n: number, more: Partial<Event> = {}): Event => ({ n, tag: n, kind: 'message', v: 1, at: n, by: { kind: 'visitor' }, text: `text ${n}`, ...more })
const item = (id: string, more: Partial<OutboxItem> = {}): OutboxItem => ({ id, c: 'c', t: 'send', text: 'hello', at: 1, state: 'waiting', ...more })

function makeCopy(c: string) {
  return {
    state: new Cell<ConversationState>({ c, rounds: [], looking: [] }),
    log: new Cell<LogState>({ events: [], older: false, loading: false, known: false }),
    typists: new Cell<readonly { who: { kind: 'visitor' | 'agent'; id?: string; name?: string }; note: boolean }[]>([]),
  }
}

/** An AgentClient that only keeps what is put into it, and notes what it is asked. */
function makeClient() {
  const cells = {
    connection: new Cell<ConnectionState>({ phase: 'idle', attempts: 0 }),
    hello: new Cell<ReturnType<Client['hello']['get']>>(undefined),
    agents: new Cell<ReturnType<Client['agents']['get']>>([]),
    counts: new Cell({ waiting: 0, mine: 0, open: 0, visitors: 0 }),
    visitors: new Cell<ReturnType<Client['visitors']['get']>>({ all: [], count: 0, known: false }),
    outbox: new Cell<readonly OutboxItem[]>([]),
  }
  const lists = new Map<View, Cell<ListState>>()
  const copies = new Map<string, ReturnType<typeof makeCopy>>()
  const list = (view: View) => lists.get(view) ?? lists.set(view, new Cell<ListState>({ rows: [], more: false, known: false })).get(view) as Cell<ListState>
  const copy = (c: string) => copies.get(c) ?? copies.set(c, makeCopy(c)).get(c) as ReturnType<typeof makeCopy>
  const done = () => Promise.resolve()
  const client = {
    ...cells, list, conversation: copy, open: vi.fn(copy), close: vi.fn(), start: vi.fn(), rest: vi.fn(), wake: vi.fn(), retry: vi.fn(), forget: vi.fn(),
    watch: vi.fn(), more: vi.fn(() => Promise.resolve(true)), watchVisitors: vi.fn(), older: vi.fn(() => Promise.resolve(true)), send: vi.fn(), note: vi.fn(),
    resend: vi.fn(), discard: vi.fn(), take: vi.fn(done), assign: vi.fn(done), release: vi.fn(done), resolve: vi.fn(done), read: vi.fn(), key: vi.fn(),
    endTyping: vi.fn(), say: vi.fn(),
  }
  return { client: client satisfies Client, cells, list, copy }
}

function makeWorld() {
  const made = makeClient()
  const told = { ended: vi.fn(), reconnected: vi.fn(), refused: vi.fn(), stopFollowing: vi.fn() }
  const page = { say: (() => undefined) as (presence: 'online' | 'away') => void }
  const live = new AgentLive({
    connect: () => made.client,
    followPage: follower => {
      page.say = follower.say
      return told.stopFollowing
    },
    ended: told.ended, reconnected: told.reconnected, refused: told.refused, now: () => 1000,
  })
  return { ...made, live, told, page }
}

function openWith(world: ReturnType<typeof makeWorld>, events: Event[]): void {
  const copy = world.copy('c')
  copy.log.set({ events, older: true, loading: false, known: true })
  copy.state.set({
    c: 'c', row: row('c'), visitor: { key: 'k', site: '7', presence: 'away' }, rounds: [], looking: [{ id: '2', name: 'Ben' }],
    conversation: { c: 'c', head: { n: 1, tag: 1 }, round, unread: 0, mine: { received: 1, read: 1 }, theirs: { received: 3, read: 2 } },
  })
  world.live.open('c')
}

beforeEach(() => {
  setActivePinia(createPinia())
  preferences.value.away = false
})

describe('a connection', () => {
  it('watches at once what an agent must hear of, and puts what comes into the stores', () => {
    const { live, client, cells, list } = makeWorld()
    live.enter(ada)
    expect(client.watch.mock.calls.map(([view]) => view)).toEqual(['waiting', 'mine', 'open'])
    expect(client.start).toHaveBeenCalledOnce()
    list('waiting').set({ rows: [row('a')], more: true, known: true })
    cells.counts.set({ waiting: 1, mine: 0, open: 1, visitors: 4 })
    cells.visitors.set({ all: [{ key: 'k', site: '7', presence: 'online' }], count: 1, known: true })
    const inbox = useInbox()
    expect([inbox.me.name, inbox.lists.waiting[0]?.c, inbox.held.waiting.more, inbox.counts.visitors, useVisitors().here.length]).toEqual(['Ada', 'a', true, 4, 1])
  })

  it('knows what this screen asked to have', () => {
    const { live, list } = makeWorld()
    live.enter(ada)
    const waits: Row = { ...row('w'), round: { number: 1, state: 'waiting' } }
    const had: Row = { ...row('c'), round: { number: 1, state: 'assigned', agent: { id: '99', name: 'Ben' } } }
    list('open').set({ rows: [had, waits], more: false, known: true })
    live.take('t')
    live.assign('over', ada.id)
    live.assign('away', '99')
    live.send('w', 'a reply takes it')
    live.send('c', 'a reply in a round that somebody has moves nothing')
    expect([...useInbox().own]).toEqual(['t', 'over', 'w'])
  })

  it('is live, lost with the time its lists are of, and live again', () => {
    const { live, cells, told } = makeWorld()
    live.enter(ada)
    cells.connection.set({ phase: 'open', attempts: 1 })
    expect(told.reconnected).not.toHaveBeenCalled()
    cells.connection.set({ phase: 'waiting', attempts: 1, retryAt: 1500, closed: 1006 })
    cells.connection.set({ phase: 'connecting', attempts: 2, closed: 1006 })
    expect(useInbox().connection).toEqual({ state: 'lost', as_of: 1000 })
    cells.connection.set({ phase: 'open', attempts: 2 })
    expect(useInbox().connection).toEqual({ state: 'live' })
    expect(told.reconnected).toHaveBeenCalledOnce()
  })

  it('tells an ended log-in from a page that is refused', () => {
    const stopped = (closed: number) => connectionOf({ phase: 'stopped', attempts: 1, closed }, { state: 'live' }, 1000).state
    expect([4500, 1006, 4502, 4503, 1002].map(stopped)).toEqual(['ended', 'ended', 'elsewhere', 'refused', 'refused'])
    const { live, cells, told } = makeWorld()
    live.enter(ada)
    cells.connection.set({ phase: 'stopped', attempts: 1, closed: 4500 })
    expect(told.ended).toHaveBeenCalledOnce()
  })

  it('leaves nothing of the agent behind, and nothing unsent after a log-out', () => {
    const world = makeWorld()
    world.live.enter(ada)
    openWith(world, [event(1)])
    world.live.leave(true)
    const inbox = useInbox()
    expect([inbox.me.id, inbox.conversations.size, world.client.forget.mock.calls.length, world.client.close.mock.calls[0]?.[0]]).toEqual(['', 0, 1, 'c'])
    world.cells.counts.set({ waiting: 9, mine: 9, open: 9, visitors: 9 })
    expect([inbox.counts.waiting, world.told.stopFollowing.mock.calls.length]).toEqual([0, 1])
  })

  it('is away when the agent wishes it or looks elsewhere', () => {
    const { live, client, page } = makeWorld()
    live.enter(ada)
    live.presence('away')
    page.say('online')
    expect([client.say.mock.lastCall?.[0], useInbox().me.presence]).toEqual(['away', 'away'])
    live.presence('online')
    expect(client.say.mock.lastCall?.[0]).toBe('online')
    page.say('away')
    expect([client.say.mock.lastCall?.[0], useInbox().me.presence]).toEqual(['away', 'online'])
  })
})

describe('an open conversation', () => {
  it('is there at once, with the round and visitor as they are now', () => {
    const world = makeWorld()
    world.live.enter(ada)
    openWith(world, [event(1)])
    const shown = useInbox().conversations.get('c')
    expect(shown).toMatchObject({ more: true, theirs: { read: 2 }, looking: [{ name: 'Ben' }], row: { unread: 0, round, visitor: { presence: 'away' } } })
  })

  it('follows events, typing and the outbox', async () => {
    const world = makeWorld()
    world.live.enter(ada)
    openWith(world, [event(1)])
    world.copy('c').typists.set([{ who: { kind: 'agent', id: '2', name: 'Ben' }, note: true }])
    world.cells.outbox.set([item('x'), item('y', { c: 'other', state: 'failed', code: 'not_yours' }), item('z', { t: 'note', state: 'failed', code: 'too_big' })])
    await nextTick()
    const inbox = useInbox()
    expect(inbox.conversations.get('c')).toMatchObject({ typing: [{ name: 'Ben', note: true }], unsent: [{ id: 'x', kind: 'message', state: 'waiting' }, { id: 'z', kind: 'note', code: 'too_big' }] })
    expect([...inbox.failed].sort()).toEqual(['c', 'other'])
    world.copy('c').log.update(log => ({ ...log, events: [...log.events, event(2, { id: 'x' })] }))
    world.cells.outbox.set([])
    await nextTick()
    expect(inbox.conversations.get('c')).toMatchObject({ events: [{ n: 1 }, { n: 2 }], unsent: [] })
  })

  it('is gone when this agent may no longer see it', async () => {
    const world = makeWorld()
    world.live.enter(ada)
    openWith(world, [event(1)])
    world.copy('c').state.update(state => ({ ...state, refused: new Refused('not_found', 'no longer a member') }))
    await nextTick()
    expect([useInbox().conversations.size, useInbox().absent.has('c')]).toEqual([0, true])
  })

  it('says when it does not exist, and is gone when it is closed', async () => {
    const world = makeWorld()
    world.live.enter(ada)
    world.live.open('c')
    world.copy('c').state.update(state => ({ ...state, refused: new Refused('not_found', 'absent') }))
    await nextTick()
    expect(useInbox().absent.has('c')).toBe(true)
    world.live.close('c')
    world.copy('c').log.update(log => ({ ...log, older: true }))
    await nextTick()
    expect([useInbox().absent.size, useInbox().conversations.size]).toEqual([0, 0])
  })

  it('tells why a command was refused', async () => {
    const { live, client, told } = makeWorld()
    live.enter(ada)
    const why = new Refused('not_yours', 'Ben has it')
    client.take.mockRejectedValueOnce(why)
    live.take('c')
    await nextTick()
    expect(told.refused).toHaveBeenCalledWith(why)
  })
})

describe('a conversation', () => {
  const kept = () => localStorage.getItem('kefu.drafts') ?? ''

  it('that is gone leaves no copy and no draft on the screen, and says when', async () => {
    const world = makeWorld()
    world.live.enter(ada)
    openWith(world, [event(1)])
    const inbox = useInbox()
    keepDraft('1', 'c', 'half an answer', 'reply', 1)
    world.copy('c').state.set({ c: 'c', rounds: [], looking: [], gone: 77 })
    await nextTick()
    expect([inbox.gone.get('c'), inbox.conversations.has('c'), inbox.absent.has('c')]).toEqual([77, false, false])
    await nextTick()
    expect(kept()).not.toContain('half an answer')
  })

  it('that has lost its beginning, or has ended, says so', async () => {
    const world = makeWorld()
    world.live.enter(ada)
    openWith(world, [event(5)])
    const shown = () => useInbox().conversations.get('c')
    expect([shown()?.removed, shown()?.to, shown()?.row.round.state]).toEqual([undefined, undefined, 'assigned'])
    world.copy('c').log.set({ events: [event(5), event(6, { kind: 'carried', to: 'd' })], older: false, loading: false, known: true })
    await nextTick()
    expect([shown()?.removed, shown()?.to, shown()?.row.round.state]).toEqual([true, 'd', 'resolved'])
  })
})
