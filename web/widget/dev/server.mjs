// A small stand-in for the server, to look at the widget by itself. Not shipped, not a test of the protocol.
//   node widget/dev/server.mjs [port]         the built pages: /demo?site=KEY, /chat/KEY
// The same pages on the next port stand for somebody else's website with a strict policy.
//   POST /dev/<verb>?...   say text= | typing on= | agents presence= | drop code= | down on= | refuse on= | look json=
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { randomUUID } from 'node:crypto'
import { WebSocketServer } from 'ws'
import { built } from '../../build/dist.mjs'

const port = Number(process.argv[2] ?? 8099)
const host = `http://127.0.0.1:${port}`
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' }
const agent = { id: '126871239800000101', name: '林晓' }
const by = { kind: 'agent', ...agent }
const limits = { frame_bytes: 262144, text_code_points: 20000, message_burst: 150, message_per_second: 5, ping_seconds: 20, backoff_min: 500, backoff_max: 30000 }

const visitors = new Map() // secret → { c, events, mine, theirs, ids }
const sessions = new Set()
const now = { agents: 'online', down: false, refuse: false, look: { brand: '#2a4fd6', placement: 'right', language: 'auto', theme: 'auto' } }

const position = v => ({ n: v.events.length, tag: v.events.at(-1)?.tag ?? 0 })
const infoOf = v => ({ c: v.c, head: position(v), round: v.round, unread: v.events.filter(e => e.kind === 'message' && e.by.kind === 'agent' && e.n > v.mine.read).length, mine: v.mine, theirs: v.theirs })

function pageOf(v, { after, before = 0, limit = 50 } = {}) {
  const all = v.events
  if (after && all[after.n - 1]?.tag !== after.tag) return { events: all.slice(-limit), head: position(v), more: all.length > limit, reset: true }
  if (after) return { events: all.slice(after.n, after.n + limit), head: position(v), more: all.length > after.n + limit }
  const end = before ? before - 1 : all.length
  return { events: all.slice(Math.max(0, end - limit), end), head: position(v), more: end > limit }
}

function append(v, event, id) {
  const whole = { n: v.events.length + 1, tag: (Math.random() * 2 ** 32) >>> 0, v: 1, at: Date.now(), ...event, ...(id && { id }) }
  v.events.push(whole)
  tell(v, { t: 'event', c: v.c, e: whole })
  return whole
}

const tell = (v, frame) => sessions.forEach(s => s.visitor === v && s.socket.send(JSON.stringify(frame)))

function answer(v, text) {
  if (v.round.state !== 'assigned') {
    v.round = { number: 1, state: 'assigned', agent }
    append(v, { kind: 'assigned', by, round: { number: 1, agent } })
  }
  const event = append(v, { kind: 'message', by, text })
  v.theirs = { received: event.n, read: event.n }
  tell(v, { t: 'mark', c: v.c, who: { kind: 'agent' }, marks: v.theirs })
}

const frames = {
  hello(s, frame) {
    if (now.refuse) {
      s.say({ t: 'error', code: 'unknown_site', text: 'no site has this key', do: 'stop' })
      return s.socket.close(4501)
    }
    s.secret = frame.secret
    s.visitor = visitors.get(frame.secret)
    const v = s.visitor
    s.say({
      t: 'hello', session: randomUUID(), you: { kind: 'visitor' }, sites: [{ id: '7', name: 'Hillside Teaware', look: now.look }], limits, now: Date.now(),
      agents_here: now.agents, ...(v && { conversation: infoOf(v), page: pageOf(v, frame.at ? { after: frame.at } : {}) }),
    })
  },
  send(s, frame) {
    const v = (s.visitor ??= visitors.get(s.secret) ?? { c: randomUUID(), events: [], mine: { received: 0, read: 0 }, theirs: { received: 0, read: 0 }, ids: new Map(), round: { number: 1, state: 'waiting' } })
    visitors.set(s.secret, v)
    sessions.forEach(other => { if (other.secret === s.secret) other.visitor = v })
    if (frame.text.startsWith('/fail')) return s.say({ t: 'error', id: frame.id, code: 'bad_text', text: 'asked for', do: 'fix' })
    let event = v.ids.get(frame.id)
    if (!event) {
      if (v.events.length === 0) append(v, { kind: 'opened', by: { kind: 'visitor' }, round: { number: 1 } })
      event = append(v, { kind: 'message', by: { kind: 'visitor' }, text: frame.text }, frame.id)
      v.ids.set(frame.id, event)
    }
    s.say({ t: 'ack', id: frame.id, c: v.c, n: event.n, tag: event.tag, at: event.at })
    if (frame.text.startsWith('/many')) for (let i = 0; i < 300; i++) append(v, { kind: 'message', by: i % 3 ? by : { kind: 'visitor' }, text: `Line ${i}` })
    if (frame.text.startsWith('/resolve')) append(v, { kind: 'resolved', by, round: { number: 1, from: agent } })
  },
  page: (s, frame) => s.say({ t: 'page', r: frame.r, c: s.visitor?.c, page: pageOf(s.visitor, frame) }),
  mark(s, frame) {
    if (!s.visitor) return
    s.visitor.mine = { received: frame.received, read: frame.read }
    tell(s.visitor, { t: 'mark', c: s.visitor.c, who: { kind: 'visitor' }, marks: s.visitor.mine, unread: infoOf(s.visitor).unread })
  },
  ping: s => s.say({ t: 'pong', now: Date.now() }),
}

const verbs = {
  say: q => visitors.forEach(v => answer(v, q.get('text') ?? 'Hello')),
  typing: q => visitors.forEach(v => tell(v, { t: 'typing', c: v.c, who: by, on: q.get('on') !== '0' })),
  delivered: () => visitors.forEach(v => tell(v, { t: 'mark', c: v.c, who: { kind: 'agent' }, marks: { received: v.events.length, read: v.theirs.read } })),
  agents: q => {
    now.agents = q.get('presence') ?? 'online'
    sessions.forEach(s => s.say({ t: 'presence', presence: now.agents }))
  },
  drop: q => sessions.forEach(s => s.socket.close(Number(q.get('code') ?? 4000))),
  down: q => {
    now.down = q.get('on') !== '0'
    if (now.down) sessions.forEach(s => s.socket.terminate())
  },
  refuse: q => { now.refuse = q.get('on') !== '0' },
  look: q => { now.look = { ...now.look, ...JSON.parse(q.get('json') ?? '{}') } },
  forget: () => visitors.clear(),
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; frame-ancestors *"

function serve(strict) {
  return (request, response) => {
    const url = new URL(request.url ?? '/', host)
    const verb = /^\/dev\/(\w+)$/.exec(url.pathname)?.[1]
    if (verb) {
      verbs[verb]?.(url.searchParams)
      return response.end('ok\n')
    }
    if (strict && url.pathname === '/') return strictPage(response, url)
    const name = { '/demo': 'widget/demo.html', '/widget/frame.html': 'widget/frame.html' }[url.pathname] ?? (url.pathname.startsWith('/chat/') ? 'widget/chat.html' : url.pathname.slice(1))
    try {
      const body = built(name)
      response.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'text/plain', 'Content-Security-Policy': policy, 'Access-Control-Allow-Origin': '*' })
      response.end(body)
    } catch {
      response.writeHead(404).end('no such file: run npm run build\n')
    }
  }
}

/** Somebody else's page, with no more allowance than the widget asks for. */
function strictPage(response, url) {
  response.writeHead(200, { 'Content-Type': types['.html'], 'Content-Security-Policy': `default-src 'none'; script-src ${host}; frame-src ${host}; require-trusted-types-for 'script'` })
  response.end(`<!doctype html><html lang="${url.searchParams.get('lang') ?? 'en'}"><title>Elsewhere</title><h1>Elsewhere</h1><p>A page with a strict policy.</p><input aria-label="field"><script src="${host}/widget.js" data-site="KEY" async></script></html>`)
}

const server = createServer(serve(false)).listen(port, '127.0.0.1')
createServer(serve(true)).listen(port + 1, '127.0.0.1')
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  if (now.down || !request.url?.startsWith('/ws/v1/visitor')) return socket.destroy()
  sockets.handleUpgrade(request, socket, head, accepted => {
    const session = { socket: accepted, say: frame => accepted.send(JSON.stringify(frame)) }
    sessions.add(session)
    accepted.on('message', data => {
      const frame = JSON.parse(String(data))
      frames[frame.t]?.(session, frame)
    })
    accepted.on('close', () => sessions.delete(session))
  })
})
process.stdout.write(`${host}/demo?site=KEY  ${host}/chat/KEY  http://127.0.0.1:${port + 1}/\n`)
