/** A server of a website's that webhooks are sent to. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  /** The header webhook-id. */
  id: string
  signature: string
  body: { type: string; data?: unknown }
}

export interface Receiver {
  url: string
  received: readonly Received[]
  /** What it answers from now on. */
  answer(status: number, body: string): void
  stop(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  let reply = { status: 200, body: 'thanks' }
  const server = createServer((request, answer) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { 'webhook-id': id, 'webhook-signature': signature } = request.headers
      received.push({ id: String(id), signature: String(signature), body: JSON.parse(Buffer.concat(parts).toString()) as Received['body'] })
      answer.writeHead(reply.status).end(reply.body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/kefu`,
    received,
    answer: (status, body) => { reply = { status, body } },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
