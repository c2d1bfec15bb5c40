/** A bot that answers a site's visitors, and hands over to people when it is asked to. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createClient, KefuError, readDelivery, SignatureError } from '@kefu-chat/client'

const { KEFU_ADDRESS, KEFU_KEY, KEFU_WEBHOOK_SECRET, LISTEN } = process.env
const kefu = createClient({ address: KEFU_ADDRESS, key: KEFU_KEY })
const wantsPerson = /\b(person|human|agent)\b|人工/i

/** Says something once, however often a message comes: its id names the answer. */
async function answer({ id, type, data }) {
  if (type !== 'message.created') return // such as a test, which is about no conversation
  const { site, event, conversation: { id: conversation, round } } = data
  if (event.by.kind !== 'visitor' || event.origin || round.state === 'assigned') {
    return // not a visitor's, answered before its visitor logged in, or a person's to answer
  }
  const asks = wantsPerson.test(event.text ?? '')
  const text = asks ? 'One moment: I am asking somebody for you.' : `You said: ${event.text ?? ''}`
  await kefu.sendMessage({ site, conversation, body: { as: { bot: 'Robin' }, text } }, { once: id })
  if (!asks) return
  const { agents } = await kefu.getPresence({ site })
  const agent = agents.find(one => one.presence === 'online')
  if (!agent) return // while nobody is there, the visitor waits in the queue
  await kefu.assignRound({ site, conversation, body: { agent: agent.id } }, { once: `${id} to a person` })
}

async function status(request) {
  try {
    const body = Buffer.concat(await request.toArray())
    await answer(await readDelivery(request.headers, body, KEFU_WEBHOOK_SECRET))
    return 200
  } catch (error) {
    if (error instanceof SignatureError) return 401
    console.error(error)
    if (error instanceof KefuError && error.status < 429 && error.status !== 401) return 200 // a person has it by now, or it is over
    return 503 // it comes again
  }
}

const [host, port] = LISTEN.split(':')
const server = createServer(async (request, response) => response.writeHead(await status(request)).end())
await once(server.listen(Number(port), host || undefined), 'listening')
