/** The legacy chat room as its pages use it: a customer on one node, super_admin on the other, an agent in the console. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { startCluster } from './harness/cluster.ts'
import { Account } from './harness/rest.ts'
import { test } from './harness/test.ts'
import { Peer } from './harness/wire.ts'
import { LegacyPage } from './pages/legacy.ts'

/** Where the old page stands: a server of its own, which is none of Kefu's nodes. calls are what else it answers. */
async function serveOldPage(calls: (path: string) => Promise<object> | undefined = () => undefined): Promise<{ origin: string; stop: () => Promise<void> }> {
  const types: Record<string, string> = { '/page.html': 'text/html', '/page.js': 'text/javascript' }
  const server = createServer((asked, answer) => {
    const path = new URL(asked.url ?? '/', 'http://page').pathname
    const called = calls(path)
    if (called) {
      called.then(body => answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)), error => answer.writeHead(500).end(String(error)))
      return
    }
    const type = types[path]
    if (!type) return void answer.writeHead(404).end()
    answer.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(readFileSync(join(import.meta.dirname, 'legacy', path)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

test('unchanged pages chat over two nodes, and with the console', async ({ screen, later }) => {
  const old = await serveOldPage()
  later(() => old.stop())
  const cluster = await startCluster({
    KEFU_LEGACY_ATP_MODE: 'open', KEFU_LEGACY_ATP_AGENT: 'ada@shop.example', KEFU_LEGACY_ATP_ORIGINS: old.origin, KEFU_LEGACY_ATP_ANYBODY_MAY_CONNECT: 'true',
  })
  later(() => cluster.stop())
  const [one, two] = cluster.nodes
  const ada = await Account.setUp(one, 'Ada', 'Harbour')
  const open = async (node: typeof one, user: string) => LegacyPage.open(await (await screen.person()).newPage(), old.origin, node.origin, user)

  const alice = await open(one, 'alice')
  const admin = await open(two, 'super_admin')
  await admin.lists(['alice'], ['alice'])

  // A message, both ways; a dot until it is read; nothing blank.
  await alice.send('Is anybody there?')
  await alice.shows('alice: Is anybody there?')
  await expect.poll(() => admin.unread('alice'), { timeout: 15_000 }).toBe(true)
  await admin.user('alice').click()
  await admin.shows('alice: Is anybody there?')
  expect(await admin.unread('alice')).toBe(false)
  await admin.send('I am')
  await alice.send('   ')
  await alice.says('A message must not be blank')
  const said = ['alice: Is anybody there?', 'super_admin: I am']
  await alice.shows(...said)
  await admin.shows(...said)

  // The console sees the conversation, and what an agent writes there both pages get.
  const console = await Peer.agent(two, ada)
  later(() => console.close())
  const c = await console.find('I am')
  await console.command({ t: 'send', c, text: 'Written in the console' })
  said.push('super_admin: Written in the console')
  await alice.shows(...said)
  await admin.shows(...said)

  // Who comes and goes, on either node.
  const bob = await open(two, 'bob')
  await admin.lists(['alice', 'bob'], ['alice', 'bob'])
  await bob.page.close()
  await admin.lists(['alice'], ['alice', 'bob'])

  // A second log-in on the other node replaces the first, and stays when that closes.
  const again = await open(two, 'alice')
  await alice.says('Signed in elsewhere')
  await again.shows(...said)
  await alice.page.close()
  await again.send('From my other machine')
  said.push('alice: From my other machine')
  await again.shows(...said)
  await admin.shows(...said)
  await admin.lists(['alice'], ['alice', 'bob'])

  // All of it is history, on either node, and nothing of it is anybody else's.
  await admin.page.close()
  const back = await open(one, 'super_admin')
  await back.lists(['alice'], ['alice', 'bob'])
  await back.user('alice').click()
  await back.shows(...said)
  await (await open(one, 'bob')).shows()
})

/** The status with which an address of a WebSocket answers. */
async function knock(address: string): Promise<number | undefined> {
  const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }
  const call = request(address.replace('ws:', 'http:'), { headers }).end()
  return new Promise((done, failed) => {
    call.on('error', failed)
    call.on('response', answer => { done(answer.resume().statusCode) })
    call.on('upgrade', (answer, socket) => {
      socket.destroy()
      done(answer.statusCode)
    })
  })
}

test('pages come in by a ticket that works once, on another node than it was made', async ({ screen, later }) => {
  let call = async (path: string): Promise<object> => { throw new Error(`${path} is asked too early`) }
  const handed: string[] = []
  const shop = await serveOldPage(path => (path.startsWith('/test/mq/chatMsg/') ? call(path) : undefined))
  later(() => shop.stop())
  const cluster = await startCluster({ KEFU_LEGACY_ATP_MODE: 'token', KEFU_LEGACY_ATP_ORIGINS: shop.origin })
  later(() => cluster.stop())
  const [one, two] = cluster.nodes
  const ada = await Account.setUp(one, 'Ada', 'Harbour')
  const { id: site } = await ada.site()
  const { secret } = await ada.call<{ secret: string }>('POST', `/sites/${site}/api-keys`, { name: 'Shop', scopes: ['legacy'] })

  // The application's server: it knows who its page belongs to, and asks the one node with its key for the other.
  call = async path => {
    const answer = await fetch(one.origin + path, { headers: { authorization: `Bearer ${secret}` } })
    const body = (await answer.json()) as { code: number; data: unknown }
    if (typeof body.data !== 'string') return body
    handed.push(body.data.replace(new URL(one.origin).host, new URL(two.origin).host))
    return { ...body, data: handed.at(-1) }
  }

  const alice = await LegacyPage.open(await (await screen.person()).newPage(), shop.origin, shop.origin, 'alice')
  await alice.send('By a ticket')
  await alice.shows('alice: By a ticket')
  const console = await Peer.agent(one, ada)
  later(() => console.close())
  await console.command({ t: 'send', c: await console.find('By a ticket'), text: 'Welcome' })
  await alice.shows('alice: By a ticket', 'super_admin: Welcome')

  // The ticket is used up on both nodes; without any nobody comes in, and Alice stays.
  expect(handed).toHaveLength(1)
  const [used = ''] = handed
  for (const address of [used, used.replace(new URL(two.origin).host, new URL(one.origin).host), used.replace(/\?.*/, '')]) {
    expect(await knock(address)).toBe(403)
  }
  await alice.send('Still here')
  await alice.shows('alice: By a ticket', 'super_admin: Welcome', 'alice: Still here')
})
