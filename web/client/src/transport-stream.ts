/**
 * A line where WebSocket is blocked: frames come down as the answer to one request after the other, each goes up in a
 * request of its own. docs/PROTOCOL.md, "Where WebSocket is blocked".
 */
import { Standing } from './transport-standing.ts'
import { type Stream } from './transport.ts'
import { type ClientFrame, type Frame, type ServerFrame } from './wire.ts'
import { type Socket, type World } from './world.ts'

export interface StreamOptions {
  /** https://HOST/stream/v1/visitor, or …/agent */
  url: string
  request: (url: string, init: RequestInit) => Promise<Response>
  /** Whether a WebSocket gets through. */
  probe: () => Promise<boolean>
  /** How many WebSockets in a row said nothing: after two, the next line is one of streams, too. */
  count: (blocked: number) => void
}

/** After how long without hello somebody on the way is taken to hold the answer back, in ms: the line polls from then on. */
const helloLimit = 3_000
/** The longest silence of a stream, whose server gives a sign of life each 15 s; and of a poll, which it answers after 18 s. */
const silence = 40_000
const postLimit = 15_000
/** It may have been the server that was away, not WebSocket that is blocked. */
const probeFirst = 5_000
const probeEvery = 300_000
const probeLimit = 10_000
/** Between two polls. */
const pollPause = 250
/** What belongs together becomes one request. */
const gather = 20
const tries = 4
const blocked = 2
/** The close codes after which the next stream begins: at once, and after a pause. */
const renew = 1000
const goingAway = [1001, 1012]

/** Without imports at run time: what is shared with the page's own code would be split off from that. */
function parsed(text: string): ServerFrame | End | undefined {
  try {
    return JSON.parse(text) as ServerFrame | End
  } catch {
    return undefined
  }
}

/** The last line of a stream: a close code and, of a poll, a name for what it began with. */
interface End {
  end: number
  seen?: string
}

export class StreamLine {
  readonly #standing = new Standing()
  readonly #queue: string[] = []
  readonly #headers: Record<string, string>
  readonly #ending = new AbortController()
  #current: AbortController | undefined
  #polls = false
  #seen = '0'
  #greeted = false
  #sending = false
  #agent = true
  #cancelRenewal: (() => void) | undefined
  #cancelProbe = () => {}
  readonly #world: Pick<World, 'timer' | 'random' | 'bytes'>
  readonly #line: Socket
  readonly #options: StreamOptions

  constructor(
    world: Pick<World, 'timer' | 'random' | 'bytes'>,
    line: Socket,
    options: StreamOptions,
  ) {
    this.#world = world
    this.#line = line
    this.#options = options
    this.#headers = { 'Kefu-Stream': Array.from(world.bytes(12), byte => byte.toString(36)).join('') }
    line.send = text => this.#send(text)
    line.close = () => this.#end()
    line.onopen?.()
    this.#probeLater(probeFirst)
  }

  #send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame
    if (frame.t === 'hello') {
      this.#agent = !frame.secret
      if (frame.secret) Object.assign(this.#headers, { Authorization: `Bearer ${frame.secret}`, 'Kefu-Site': frame.site ?? '' })
      this.#standing.takes(frame)
      void this.#follow()
    } else if (this.#standing.takes(frame)) this.#renewSoon()
    else if (frame.t === 'ping') void this.#post(text)
    else {
      this.#queue.push(text)
      if (!this.#sending) void this.#sendAll()
    }
  }

  get #over(): boolean {
    return this.#ending.signal.aborted
  }

  /** Lets go of everything, and says nothing more. */
  #end(): void {
    this.#ending.abort()
    this.#current?.abort()
    this.#cancelRenewal?.()
    this.#cancelProbe()
  }

  #fail(code: number): void {
    if (this.#over) return
    this.#end()
    this.#line.onclose?.({ code })
  }

  #pause(ms: number): Promise<void> {
    return new Promise(done => {
      const cancel = this.#world.timer(ms, done)
      this.#ending.signal.addEventListener('abort', () => (cancel(), done()))
    })
  }

  /** Between two tries, at random within bounds that double. */
  #rest(failures: number, least = 0): Promise<void> {
    return this.#pause(Math.max(least, 200 * 2 ** failures * (0.5 + this.#world.random())))
  }

  async #sendAll(): Promise<void> {
    this.#sending = true
    for (let text; (text = this.#queue.shift()) !== undefined && !this.#over; ) await this.#post(text)
    this.#sending = false
  }

  /** Repeating a frame is harmless: what changes something has an id. */
  async #post(text: string): Promise<void> {
    for (let failures = 0; failures < tries && !this.#over; failures++) {
      const answer = await this.#ask(text).catch(() => undefined)
      if (this.#over) return
      if (answer && answer.status < 300) return this.#answered(answer.text)
      if (answer?.status === 413) return this.#fail(1009)
      if (answer && answer.status < 500 && answer.status !== 429) break
      await this.#rest(failures, answer?.after)
    }
    this.#fail(1006)
  }

  async #ask(text: string): Promise<{ status: number; text: string; after: number }> {
    const late = new AbortController()
    const cancel = this.#world.timer(postLimit, () => late.abort())
    const end = () => late.abort()
    this.#ending.signal.addEventListener('abort', end)
    try {
      const answer = await this.#options.request(`${this.#options.url}/frame`, this.#init(text, late.signal))
      return { status: answer.status, text: await answer.text(), after: 1000 * Number(answer.headers.get('Retry-After')) }
    } finally {
      cancel()
      this.#ending.signal.removeEventListener('abort', end)
    }
  }

  #init(body: string, signal: AbortSignal, more: Record<string, string> = {}): RequestInit {
    return { method: 'POST', body, signal, headers: { ...this.#headers, ...more }, credentials: 'same-origin', cache: 'no-store' }
  }

  #answered(text: string): void {
    if (!text) return
    const answer = parsed(text)
    const ack = answer && 't' in answer && answer.t === 'ack'
    this.#line.onmessage?.({ data: text })
    if (ack && this.#standing.began()) this.#renewSoon()
  }

  /** The stream begins anew, with what was asked meanwhile. */
  #renewSoon(): void {
    this.#cancelRenewal ??= this.#world.timer(gather, () => {
      this.#cancelRenewal = undefined
      this.#current?.abort(renew)
    })
  }

  /** One stream after the other. */
  async #follow(): Promise<void> {
    for (let failures = 0; !this.#over; ) {
      const polled = this.#polls
      const { end, after } = await this.#stream()
      if (this.#over) return
      if (end === renew) failures = 0
      else if (end && !goingAway.includes(end)) return this.#fail(end)
      else if (!this.#greeted || ++failures >= tries) return this.#fail(end || 1006)
      else await this.#rest(failures, after)
      if (polled) await this.#pause(pollPause)
    }
  }

  /** One stream, or one poll. Its end is a close code; 0: it broke, or was refused. */
  async #stream(): Promise<{ end: number; after?: number }> {
    const abort = new AbortController()
    this.#current = abort
    let cancel = this.#world.timer(this.#polls ? silence : helloLimit, () => {
      const held = !this.#polls
      this.#polls = true
      abort.abort(held ? renew : undefined)
    })
    const heard = () => {
      cancel()
      cancel = this.#world.timer(silence, () => abort.abort())
    }
    try {
      const init = this.#init(this.#standing.body(), abort.signal, this.#polls ? { 'Kefu-Poll': this.#seen } : {})
      const answer = await this.#options.request(this.#options.url, init)
      if (!answer.ok || !answer.body) return { end: 0, after: 1000 * Number(answer.headers.get('Retry-After')) }
      return { end: await this.#read(answer.body, abort.signal, heard) }
    } catch {
      return { end: abort.signal.reason === renew ? renew : 0 }
    } finally {
      cancel()
      abort.abort()
    }
  }

  async #read(body: ReadableStream<Uint8Array>, signal: AbortSignal, heard: () => void): Promise<number> {
    const reader = body.getReader()
    const text = new TextDecoder()
    let hello = false
    for (let rest = ''; ; ) {
      const { value, done } = await reader.read()
      if (signal.aborted) return signal.reason === renew ? renew : 0
      if (done) return 0
      const lines = (rest + text.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const frame = parsed(line)
        if (frame && 'end' in frame) {
          this.#seen = frame.seen ?? this.#seen
          return frame.end
        }
        if (frame) hello = this.#take(frame, line) || hello
      }
      if (hello) heard()
    }
  }

  /** Whether the frame is hello. An agent's session hears of the first one only: what it asked for is answered behind it. */
  #take(frame: ServerFrame, data: string): boolean {
    this.#standing.reads(frame)
    const hello = frame.t === 'hello'
    const again = hello && this.#agent && this.#greeted
    if (hello && !this.#greeted) this.#options.count(blocked)
    this.#greeted ||= hello
    // The client has had an answer to what a later stream asks once more: it would not ask again.
    if (this.#standing.lacks(frame)) this.#world.timer(frame.retry_after ?? 1_000, () => this.#renewSoon())
    if (frame.t === 'move') this.#renewSoon()
    else this.#line.onmessage?.({ data: again ? JSON.stringify({ t: 'agents', agents: (frame as Frame<'hello'>).agents ?? [] }) : data })
    return hello
  }

  #probeLater(after = probeEvery): void {
    this.#cancelProbe = this.#world.timer(after * (0.75 + this.#world.random() / 2), () => {
      void this.#options.probe().then(free => {
        if (this.#over) return
        if (!free) return this.#probeLater()
        this.#options.count(0)
        this.#fail(renew)
      })
    })
  }
}
/** Whether a WebSocket gets through both ways: the server answers every first frame, if only with a refusal. */
function probe(open: World['socket'], url: string): Promise<boolean> {
  return new Promise(done => {
    const socket = open(url, 'kefu.1')
    const end = (free: boolean) => {
      cancel()
      socket.onclose = null
      socket.close()
      done(free)
    }
    const cancel = page.timer(probeLimit, () => end(false))
    socket.onopen = () => socket.send('{"t":"ping"}')
    socket.onmessage = () => end(true)
    socket.onclose = () => end(false)
  })
}

/** What a line needs of the page: browser.ts is not imported, as said above. */
const page: Pick<World, 'timer' | 'random' | 'bytes'> = {
  timer: (ms, fire) => {
    const timer = setTimeout(fire, ms)
    return () => clearTimeout(timer)
  },
  random: Math.random,
  bytes: count => crypto.getRandomValues(new Uint8Array(count)),
}

export const stream: Stream = (line, url, open, count) => {
  if (!line.onopen) return // given up while this was loading
  const http = url.replace(/^ws/, 'http').replace('/ws/', '/stream/')
  new StreamLine(page, line, { url: http, request: (where, init) => fetch(where, init), probe: () => probe(open, url), count })
}
