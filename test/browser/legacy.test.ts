/** The legacy chat room as its pages use it: a customer on one node, super_admin on the other, an agent in the console. */
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import { startCluster } from './harness/cluster.ts'
import { Account } from './harness/rest.ts'
import { test } from './harness/test.ts'
import { Peer } from './harness/wire.ts'
import { LegacyPage } from './pages/legacy.ts'

/** Where the old page stands: a server of its own, which is none of Kefu's nodes. */
async function serveOldPage(): Promise<{ origin: string; stop: () => Promise<void> }> {
  const types: Record<string, string> = { '/page.html': 'text/html', '/page.js': 'text/javascript' }
  const server = createServer((request, answer) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname
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
