import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createClient, KefuError, readDelivery, SignatureError, type Schemas } from '../src/index.js'
import { World } from './world.js'

let world: World
let site: string
before(async () => {
  world = await World.start()
  site = world.told.Site
})
after(() => world.end())

/** The error of a call that has to fail. */
async function refusal(call: Promise<unknown>): Promise<KefuError> {
  return await call.then(() => assert.fail('it was not refused'), (error: unknown) => {
    assert(error instanceof KefuError, String(error))
    return error
  })
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const one of list) out.push(one)
  return out
}

test('the key and its site', async () => {
  const own = await world.client().getOwnApiKey()
  assert.deepEqual([own.site, own.key.id], [site, world.told.KeyID])
})

test('conversations page by page', async () => {
  const since = Date.now() - 1000
  const said: string[] = []
  for (let i = 0; i < 25; i++) said.push((await world.says(`page ${i}`, 'hello')).conversation)
  const found = await all(world.client().conversations({ site, limit: 10, since }))
  const mine = found.filter(one => said.includes(one.id))
  assert.equal(mine.length, 25)
  assert.deepEqual(mine.map(one => one.id).sort(), said.sort())
  assert.deepEqual(new Set(mine.map(one => `${one.round.state} ${one.last?.text}`)), new Set(['waiting hello']))
})

test('a conversation from taking to the end', async () => {
  const client = world.client()
  const { conversation } = await world.says('Lin', 'is anybody there?')
  const asked = { site, conversation }
  const given = await client.assignRound({ ...asked, body: { agent: world.told.Agent } })
  assert.deepEqual([given.conversation.round.state, given.event?.via?.id], ['assigned', world.told.KeyID])
  await client.sendMessage({ ...asked, body: { as: { agent: world.told.Agent }, text: 'I am.' } })
  await client.addNote({ ...asked, body: { text: 'a regular' } })
  assert.deepEqual(await world.heard('Lin', 1), ['I am.'])
  const ended = await client.resolveRound({ ...asked, body: {} })
  assert.equal(ended.conversation.round.state, 'resolved')
  const events: Schemas['Event'][] = await all(client.events({ ...asked, limit: 2 }))
  assert.deepEqual(events.map(one => one.kind), ['opened', 'message', 'assigned', 'message', 'note', 'resolved'])
  assert.deepEqual((await all(client.rounds(asked))).map(one => one.number), [1])
})

test('once under a name', async () => {
  const client = world.client()
  const { conversation } = await world.says('once', 'two, please')
  const send = (text: string, once?: string) => client.sendMessage({ site, conversation, body: { as: { bot: 'Orders' }, text } }, { once })
  const name = `order-77 of ${conversation}`
  const first = await send('It is on its way.', name)
  const again = await send('It is on its way.', name)
  assert(first.event)
  assert.equal(again.event?.seq, first.event.seq)
  const error = await refusal(send('Something else.', name))
  assert.deepEqual([error.code, error.status, error.text !== ''], ['client_id_reused', 409, true])
  assert.notEqual((await send('It is on its way.')).event?.seq, first.event.seq)
})

test('visitors', async () => {
  const client = world.client()
  const { conversation } = await world.says('Wei', 'hello')
  const { visitor } = await client.getConversation({ site, conversation })
  const email = `${visitor}@example.com`
  await client.tellVisitor({ site, visitor, body: { name: '魏', email, fields: { plan: 'gold' } } })
  const found = await all(client.visitors({ site, email }))
  assert.deepEqual(found.map(one => [one.id, one.told?.name, one.told?.fields?.plan]), [[visitor, '魏', 'gold']])
  await client.tellVisitor({ site, visitor, body: { name: '' } })
  const { told } = await client.getVisitor({ site, visitor })
  assert.deepEqual([told?.name ?? '', told?.email], ['', email])
  const archive = await client.exportVisitor({ site, visitor })
  assert.equal(Buffer.from(await archive.arrayBuffer()).subarray(0, 2).toString(), 'PK')
  await client.eraseVisitor({ site, visitor })
  const gone = await refusal(client.getVisitor({ site, visitor }))
  assert.deepEqual([gone.code, gone.status], ['not_found', 404])
})

test('refusals', async () => {
  const stranger = await refusal(world.client({ key: 'kfk_nobody' }).getOwnApiKey())
  assert.deepEqual([stranger.code, stranger.status], ['bad_key', 401])
  await assert.rejects(world.client().getVisitor({ site, visitor: '..' }), /visitor/)
  assert.throws(() => createClient({ address: 'ftp://chat.example.com', key: world.told.Key }), TypeError)
  assert.throws(() => createClient({ address: world.told.Address, key: 'secret' }), TypeError)
  const given = AbortSignal.abort(new Error('given up'))
  await assert.rejects(world.client().getOwnApiKey({}, { signal: given }), /given up/)
})

test('an answer is lost, then the server is busy: one message comes of it', async () => {
  let tries = 0
  const lossy: typeof fetch = async (...request) => {
    if (++tries === 2) return Response.json({ code: 'rate_limited', text: 'Wait.', retry_after: 20 }, { status: 429, headers: { 'retry-after': '1' } })
    const answer = await fetch(...request)
    if (tries > 1) return answer
    await answer.text()
    throw new TypeError('the answer was lost')
  }
  const client = world.client({ fetch: lossy })
  const { conversation } = await world.says('lossy', 'hello')
  await client.sendMessage({ site, conversation, body: { as: { bot: 'Echo' }, text: 'hello' } })
  assert.equal(tries, 3)
  const events = await all(client.events({ site, conversation }))
  assert.equal(events.filter(one => one.by.kind === 'bot').length, 1)
})

test('a redirect is no success: followed, it would be a GET', async t => {
  let followed = false
  const leading = createServer((request, answer) => {
    followed ||= request.url === '/elsewhere'
    answer.writeHead(followed ? 200 : 303, { location: '/elsewhere', 'content-type': 'application/json' }).end(followed ? '{}' : '')
  })
  await new Promise<void>(done => leading.listen(0, '127.0.0.1', done))
  t.after(() => leading.close())
  const address = `http://127.0.0.1:${(leading.address() as AddressInfo).port}`
  const error = await refusal(world.client({ address }).eraseVisitor({ site, visitor: '1' }))
  assert.deepEqual([error.code, /elsewhere/.test(error.text), followed], ['http_303', true, false])
})

test('what is busy for long is told after as many tries as were allowed', async () => {
  let tries = 0
  const busy: typeof fetch = () => {
    tries++
    return Promise.resolve(Response.json({ code: 'busy', text: 'Later.', retry_after: 1 }, { status: 503 }))
  }
  const error = await refusal(world.client({ fetch: busy, tries: 2 }).getOwnApiKey())
  assert.deepEqual([error.code, error.retryAfter, tries], ['busy', 1, 2])
})

test('a delivered webhook is verified, and with anything changed it is not', async () => {
  const came = new Map<string, { headers: Record<string, string>, body: string }>()
  const { promise, resolve } = withResolvers<void>()
  const receiver = createServer((request, answer) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      const headers = request.headers as Record<string, string>
      came.set(headers['webhook-id'] ?? '', { headers, body: Buffer.concat(parts).toString() })
      answer.end()
      if (headers['webhook-id']?.startsWith(wanted)) resolve()
    })
  })
  let wanted = '-'
  await new Promise<void>(done => receiver.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const { secret } = await world.admin<{ secret: string }>('POST', `/sites/${site}/webhooks`, { url, types: ['message.created'], on: true })
  const at = await world.says('hooked', '你好')
  wanted = at.conversation
  if (![...came.keys()].some(id => id.startsWith(wanted))) await promise
  receiver.close()
  const one = came.get(`${at.conversation}.${at.seq}`)
  assert(one)
  const other = 'whsec_b3RoZXI='
  const read = await readDelivery(one.headers, one.body, [other, secret])
  assert.deepEqual([read.type, read.data.site, read.data.event.text, read.data.event.by.kind, read.id], ['message.created', site, '你好', 'visitor', `${at.conversation}.${at.seq}`])
  await readDelivery(new Headers({ ...one.headers, 'webhook-signature': `v1,AAAA ${one.headers['webhook-signature']}` }), Buffer.from(one.body), secret)
  const minutes = 60_000
  for (const [what, headers, body, by, now] of [
    ['another secret', one.headers, one.body, other, Date.now()],
    ['another body', one.headers, `${one.body} `, secret, Date.now()],
    ['another id', { ...one.headers, 'webhook-id': 'x.1' }, one.body, secret, Date.now()],
    ['no signature', { ...one.headers, 'webhook-signature': '' }, one.body, secret, Date.now()],
    ['six minutes later', one.headers, one.body, secret, Date.now() + 6 * minutes],
    ['six minutes before', one.headers, one.body, secret, Date.now() - 6 * minutes],
  ] as const) {
    await assert.rejects(readDelivery(headers, body, by, now), SignatureError, what)
  }
  await assert.rejects(readDelivery(one.headers, one.body, ''), TypeError)
})

function withResolvers<T>(): { promise: Promise<T>, resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>(done => { resolve = done })
  return { promise, resolve }
}
