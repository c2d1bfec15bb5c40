import { describe, expect, it } from 'vitest'
import { AgentClient, type Row } from '../src/index.ts'
import { FakeBrowser, FakeWorld, helloFrame, settle } from './fakes.ts'
import { ModelServer } from './server.ts'

const counts = { waiting: 0, mine: 0, open: 0, visitors: 0 }
const me = { id: '1', name: 'Ada' }

function agent() {
  const world = new FakeWorld()
  const client = new AgentClient(world, new FakeBrowser().tab(), { url: 'wss://kefu.example/ws/v1/agent', agent: '1', program: 'test' })
  client.start()
  const greet = () => {
    world.last.open()
    world.last.say(helloFrame({ you: { kind: 'agent', ...me }, agents: [{ ...me, presence: 'online', sites: ['7'] }] }))
  }
  const asked = (t: string) => world.last.sent.filter(frame => frame.t === t)
  const answer = async (t: string, frame: object) => {
    const question = asked(t).at(-1)
    world.last.say({ ...frame, r: question && 'r' in question ? question.r : 0 })
    await settle()
  }
  return { world, client, greet, asked, answer }
}

const row = (c: string, v: number, round: object = { state: 'waiting', waiting_since: v }): Row =>
  ({ c, v, site: '7', visitor: { key: c, site: '7', presence: 'online' }, round: { number: 1, ...round }, last_at: v, unread: 0 }) as Row

const opened = (server: ModelServer, at?: { n: number; tag: number }) => ({
  t: 'conversation', row: row('c1', server.head().n), page: server.page(at ? { after: at } : {}), visitor: row('c1', 1).visitor, rounds: [], looking: [],
  conversation: { c: 'c1', head: server.head(), round: { number: 1, state: 'waiting' }, unread: 1, mine: { received: 0, read: 0 }, theirs: { received: 0, read: 0 } },
})

describe('lists', () => {
  it('put rows where their round belongs, in the order of the view', async () => {
    const { client, greet, answer, world } = agent()
    greet()
    client.watch('waiting')
    await answer('list', { t: 'list', view: 'waiting', rows: [row('b', 2), row('c', 3)], counts })
    client.watch('mine')
    await answer('list', { t: 'list', view: 'mine', rows: [], counts })
    const shown = (view: 'waiting' | 'mine') => client.list(view).get().rows.map(({ c }) => c)
    world.last.say({ t: 'rows', put: [row('a', 1), row('c', 9, { state: 'assigned', agent: me })], counts: { ...counts, mine: 1 } })
    expect(shown('waiting')).toEqual(['a', 'b'])
    expect(shown('mine')).toEqual(['c'])
    expect(client.counts.get().mine).toBe(1)
    world.last.say({ t: 'rows', put: [row('c', 8)], drop: ['a'], counts })
    expect(shown('mine')).toEqual(['c'])
    expect(shown('waiting')).not.toContain('a')
  })

  it('leave what sorts behind the loaded part to its page', async () => {
    const { client, greet, answer, world } = agent()
    greet()
    client.watch('waiting')
    await answer('list', { t: 'list', view: 'waiting', rows: [row('a', 1), row('b', 2)], more: true, counts })
    world.last.say({ t: 'rows', put: [row('z', 26)], counts })
    const shown = () => client.list('waiting').get().rows.map(({ c }) => c)
    expect(shown()).toEqual(['a', 'b'])
    const more = client.more('waiting')
    await answer('list', { t: 'list', view: 'waiting', after: 'b', rows: [row('y', 25), row('z', 26)], counts })
    expect(await more).toBe(true)
    expect(shown()).toEqual(['a', 'b', 'y', 'z'])
  })

  it('are asked for anew after every reconnect, with everything that was open', async () => {
    const { client, greet, answer, world, asked } = agent()
    greet()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    client.watch('open')
    client.watchVisitors(true)
    client.open('c1')
    await answer('open', opened(server))
    world.last.lose(1012)
    await world.pass(5_000)
    greet()
    expect(asked('list')).toMatchObject([{ view: 'open' }])
    expect(asked('visitors')).toMatchObject([{ on: true }])
    expect(asked('open')).toMatchObject([{ c: 'c1', at: server.head() }])
  })
})

describe('a conversation', () => {
  it('is followed while it is open, and told to be left', async () => {
    const { client, greet, answer, world, asked } = agent()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    greet()
    const open = client.open('c1')
    await answer('open', opened(server))
    server.push(world.last, server.append('more', 'visitor'))
    expect(open.log.get().events.map(({ text }) => text)).toEqual(['Hello', 'more'])
    world.last.say({ t: 'looking', c: 'c1', agents: [{ id: '2', name: 'Ben' }] })
    expect(open.state.get().looking.map(({ name }) => name)).toEqual(['Ben'])
    world.last.say({ t: 'presence', c: 'c1', presence: 'offline' })
    expect(open.state.get().visitor?.presence).toBe('offline')
    client.close('c1')
    expect(asked('close')).toEqual([{ t: 'close', c: 'c1' }])
  })

  it('holds the broadcasts that came to its visitor, as the last frame told them', async () => {
    const { client, greet, answer, world } = agent()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    const came = (...put: { id: string; read?: boolean }[]) => ({ at: { n: 0, tag: 0 }, reset: true, put: put.map((one, i) => ({ n: i + 1, at: i, show: 'card', text: `word ${one.id}`, ...one })) })
    greet()
    const open = client.open('c1')
    await answer('open', { ...opened(server), broadcasts: came({ id: '8' }) })
    const held = () => open.state.get().broadcasts?.map(({ id, read }) => `${id} ${read}`)
    expect(held()).toEqual(['8 undefined'])
    world.last.say({ t: 'broadcasts', c: 'c1', broadcasts: came({ id: '8', read: true }, { id: '9' }) })
    expect(held()).toEqual(['8 true', '9 undefined'])
    world.last.say({ t: 'broadcasts', c: 'another', broadcasts: came() })
    expect(held()).toHaveLength(2)
    world.last.say({ t: 'broadcasts', c: 'c1', broadcasts: came() })
    expect(held()).toEqual([])
  })

  it('knows from its row in a list that an event was missed', async () => {
    const { client, greet, answer, world, asked } = agent()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    greet()
    const open = client.open('c1')
    await answer('open', opened(server))
    server.append('missed', 'visitor')
    world.last.say({ t: 'rows', put: [row('c1', 2)], counts })
    expect(asked('page')).toMatchObject([{ c: 'c1', after: { n: 1 } }])
    await answer('page', { t: 'page', c: 'c1', page: server.page({ after: { n: 1, tag: 7919 } }) })
    expect(open.log.get().events.length).toBe(2)
  })

  it('shows the round as events and refusals tell it', async () => {
    const { client, greet, answer, world, asked } = agent()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    greet()
    const open = client.open('c1')
    await answer('open', opened(server))
    const round = () => open.state.get().conversation?.round
    server.push(world.last, { ...server.append(''), kind: 'assigned', round: { number: 1, agent: { id: '2', name: 'Ben' } } })
    expect(round()).toMatchObject({ state: 'assigned', agent: { name: 'Ben' } })
    const taken = client.take('c1').catch((why: unknown) => why)
    const take = asked('take').at(-1)
    world.last.say({ t: 'error', id: take && 'id' in take ? take.id : '', code: 'not_yours', text: 'Cem has it', do: 'fix', round: { number: 1, state: 'assigned', agent: { id: '3', name: 'Cem' } } })
    expect(await taken).toMatchObject({ code: 'not_yours' })
    expect(round()?.agent?.name).toBe('Cem')
  })

  it('stays in memory when it is closed, but only the newest twenty', async () => {
    const { client, greet, answer } = agent()
    const server = new ModelServer()
    server.append('Hello', 'visitor')
    greet()
    const first = client.open('c0')
    await answer('open', { ...opened(server), row: row('c0', 1) })
    client.close('c0')
    expect(client.conversation('c0')).toBe(first)
    for (let i = 1; i <= 20; i++) {
      client.open(`c${i}`)
      client.close(`c${i}`)
    }
    expect(client.conversation('c0')).not.toBe(first)
  })
})

describe('a command', () => {
  it('is refused at once without a connection', async () => {
    const { client } = agent()
    await expect(client.take('c1')).rejects.toMatchObject({ code: 'offline' })
  })

  it('is repeated with its id over a short loss, and given up after twenty seconds', async () => {
    const { client, greet, world, asked } = agent()
    greet()
    const taken = client.take('c1')
    const first = asked('take')[0]
    world.last.lose(1006)
    await world.pass(2_000)
    greet()
    expect(asked('take')).toEqual([first])
    world.last.say({ t: 'ack', id: first && 'id' in first ? first.id : '', c: 'c1', n: 2, tag: 1, at: 1 })
    await expect(taken).resolves.toBeUndefined()
    const late = client.resolve('c1').catch((why: unknown) => why)
    await world.pass(20_000)
    expect(await late).toMatchObject({ code: 'late' })
  })
})

it('leaves nothing unsent behind on logging out', async () => {
  const browser = new FakeBrowser()
  const client = new AgentClient(new FakeWorld(), browser.tab(), { url: 'wss://kefu.example/', agent: '1', program: 'test' })
  client.start()
  client.send('c1', 'unsent')
  expect(browser.entries.size).toBe(1)
  client.forget()
  await settle()
  expect(browser.entries.size).toBe(0)
  expect(client.outbox.get()).toEqual([])
})

it('takes over who its colleagues are now, and goes on hearing how they are', () => {
  const { client, greet, world } = agent()
  greet()
  const ben = { id: '2', name: 'Ben', presence: 'offline', sites: ['7'] }
  world.last.say({ t: 'agents', agents: [{ ...me, presence: 'online', sites: ['7'] }, ben] })
  expect(client.agents.get()).toEqual([{ ...me, presence: 'online', sites: ['7'] }, ben])
  world.last.say({ t: 'presence', who: { kind: 'agent', id: '2', name: 'Ben' }, presence: 'online' })
  expect(client.agents.get()[1]).toEqual({ ...ben, presence: 'online' })
  world.last.say({ t: 'agents', agents: [{ ...me, presence: 'online', sites: ['7'] }] })
  expect(client.agents.get().map(({ id }) => id)).toEqual(['1'])
})

it('forgets an acked reply of a conversation that is not open any longer', () => {
  const { client, greet, world, asked } = agent()
  greet()
  client.send('c1', 'bye')
  const sent = asked('send')[0]
  world.last.say({ t: 'ack', id: sent && 'id' in sent ? sent.id : '', c: 'c1', n: 2, tag: 1, at: 1 })
  expect(client.outbox.get()).toEqual([])
})

it('takes how far a colleague has read for nobody’s mark but theirs', async () => {
  const { client, greet, answer, world } = agent()
  greet()
  const server = new ModelServer()
  server.append('Hello', 'visitor')
  client.open('c1')
  await answer('open', opened(server))
  const marks = () => client.conversation('c1').state.get().conversation
  world.last.say({ t: 'mark', c: 'c1', who: { kind: 'agent', id: '2', name: 'Ben' }, marks: { received: 1, read: 1 } })
  expect(marks()).toMatchObject({ theirs: { read: 0 }, mine: { read: 0 } })
  world.last.say({ t: 'mark', c: 'c1', who: { kind: 'visitor', id: '9' }, marks: { received: 1, read: 1 } })
  expect(marks()).toMatchObject({ theirs: { read: 1 }, mine: { read: 0 } })
})

it('asks again for what the server could not answer now, and takes an absent conversation for an answer', async () => {
  const { client, greet, answer, world, asked } = agent()
  greet()
  client.watch('waiting')
  await answer('list', { t: 'error', code: 'unavailable', text: '', do: 'retry', retry_after: 500 })
  await world.pass(500)
  expect(asked('list')).toHaveLength(2)
  client.open('c1')
  await answer('open', { t: 'error', code: 'unavailable', text: '', do: 'retry', retry_after: 500 })
  expect(client.conversation('c1').state.get().refused).toBeUndefined()
  await world.pass(500)
  await answer('open', { t: 'error', code: 'not_found', text: '', do: 'fix' })
  await world.pass(3_000)
  expect(asked('open')).toHaveLength(2)
  expect(client.conversation('c1').state.get().refused?.code).toBe('not_found')
})

describe('a conversation whose visitor is erased', () => {
  it('leaves nothing: no event, no row, no message that waits; and is not asked for again', async () => {
    const { client, greet, answer, asked, world } = agent()
    const server = new ModelServer()
    server.append('hello')
    greet()
    client.watch('resolved')
    await answer('list', { t: 'list', view: 'resolved', rows: [row('c1', 1, { state: 'resolved' }), row('c2', 2, { state: 'resolved' })], counts })
    const copy = client.open('c1')
    await answer('open', opened(server))
    client.send('c1', 'never answered')
    client.send('c2', 'stays')
    world.last.say({ t: 'gone', c: 'c1' })
    expect(copy.state.get()).toEqual({ c: 'c1', rounds: [], looking: [], gone: world.now() })
    expect(copy.log.get()).toMatchObject({ events: [], known: false })
    expect(client.list('resolved').get().rows.map(({ c }) => c)).toEqual(['c2'])
    expect(client.outbox.get().map(({ c }) => c)).toEqual(['c2'])
    client.close('c1')
    expect(asked('close')).toEqual([])
    world.last.lose(1012)
    await world.pass(2_000)
    greet()
    expect(asked('list')).toHaveLength(1)
    expect(asked('open')).toEqual([])
  })
})

it('reads what is left of a conversation that ended since it was looked at, whose texts went along', async () => {
  const { client, greet, answer } = agent()
  const server = new ModelServer()
  server.append('hello', 'visitor')
  greet()
  const copy = client.open('c1')
  await answer('open', opened(server))
  client.close('c1')
  const first = server.events[0]
  if (first) server.events[0] = { ...first, text: '', erased: true, carried: true }
  server.events.push({ n: 2, tag: 5, kind: 'carried', v: 1, at: 2, by: { kind: 'system' }, to: 'c2' })
  client.open('c1')
  const ended = opened(server, copy.copy.position())
  await answer('open', { ...ended, conversation: { ...ended.conversation, to: 'c2' } })
  expect(copy.log.get()).toMatchObject({ events: [{ n: 2 }], older: true })
  const older = client.older('c1')
  await answer('page', { t: 'page', c: 'c1', page: server.page({ before: 2 }) })
  await older
  expect(copy.log.get().events.map(({ text, to }) => text ?? to)).toEqual(['', 'c2'])
})
