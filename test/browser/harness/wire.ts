/** A peer that speaks kefu.1 by itself: the other side where a test is about one page only, and many at once. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { ClientFrame, ClientHello, Frame, ServerFrame } from '@client/wire.ts'
import type { Kefu } from './kefu.ts'
import type { Account } from './rest.ts'

const patience = 10_000 // ms

type Kind = ServerFrame['t']

/** Node's WebSocket takes headers, which a browser's does not. */
type Open = new (url: string, options: { protocols: string[]; headers: Record<string, string> }) => WebSocket

export class Peer {
  private readonly frames: ServerFrame[] = []
  private readonly waiters = new Set<() => void>()
  private closed: number | undefined
  private asked = 0

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = message => {
      this.frames.push(JSON.parse(String(message.data)) as ServerFrame)
      this.waiters.forEach(look => { look() })
    }
    socket.onclose = ({ code }) => {
      this.closed = code
      this.waiters.forEach(look => { look() })
    }
  }

  static async visitor(kefu: Kefu, key: string, hello: Partial<ClientHello> = {}): Promise<Peer> {
    const peer = Peer.connect(kefu, 'visitor', {})
    await peer.greet({ t: 'hello', site: key, secret: randomBytes(32).toString('base64url'), presence: 'online', ...hello })
    return peer
  }

  static async agent(kefu: Kefu, who: Account): Promise<Peer> {
    const peer = Peer.connect(kefu, 'agent', { cookie: `kefu=${who.token}` })
    await peer.greet({ t: 'hello', presence: 'online' })
    return peer
  }

  private static connect(kefu: Kefu, who: string, headers: Record<string, string>): Peer {
    const url = `${kefu.origin.replace('http', 'ws')}/ws/v1/${who}`
    return new Peer(new (WebSocket as unknown as Open)(url, { protocols: ['kefu.1'], headers: { origin: kefu.origin, ...headers } }))
  }

  private async greet(hello: ClientFrame): Promise<void> {
    this.socket.onopen = () => { this.send(hello) }
    await this.heard('hello')
  }

  send(frame: ClientFrame): void {
    this.socket.send(JSON.stringify(frame))
  }

  /** The first frame of a kind that fits, of those that have come or will. */
  async heard<K extends Kind>(kind: K, fits: (frame: Frame<K>) => boolean = () => true, limit = patience): Promise<Frame<K>> {
    const look = () => this.frames.find((frame): frame is Frame<K> => frame.t === kind && fits(frame as Frame<K>))
    return new Promise((found, failed) => {
      const end = () => {
        clearTimeout(late)
        this.waiters.delete(check)
      }
      const check = () => {
        const frame = look()
        if (frame) found(frame)
        else if (this.closed !== undefined) failed(new Error(`closed with ${this.closed} before ${kind}; heard: ${this.words()}`))
        else return
        end()
      }
      const late = setTimeout(() => {
        end()
        failed(new Error(`no ${kind} within ${limit} ms; heard: ${this.words()}`))
      }, limit)
      this.waiters.add(check)
      check()
    })
  }

  /** Sends a command and waits until it is kept. */
  async command(frame: { t: 'send' | 'note' | 'take' | 'release' | 'resolve' | 'assign'; c?: string; text?: string; agent?: string }): Promise<Frame<'ack'>> {
    const id = uuid7()
    this.send({ ...frame, id } as ClientFrame)
    const refused = this.heard('error', error => error.id === id).then(error => { throw new Error(`${frame.t}: ${error.code} ${error.text}`) })
    const kept = this.heard('ack', ack => ack.id === id)
    refused.catch(() => undefined)
    return Promise.race([kept, refused])
  }

  /** The rows of a view, which is watched from now on. */
  async list(view: 'waiting' | 'mine' | 'open'): Promise<Frame<'list'>> {
    const r = ++this.asked
    this.send({ t: 'list', r, view } as ClientFrame)
    return this.heard('list', list => list.r === r)
  }

  /** Opens a conversation: its events come from now on. */
  async open(c: string): Promise<Frame<'conversation'>> {
    const r = ++this.asked
    this.send({ t: 'open', r, c } as ClientFrame)
    return this.heard('conversation', answer => answer.r === r)
  }

  /** The conversation whose last message is this text. */
  async find(text: string): Promise<string> {
    const { rows } = await this.list('open')
    const row = rows.find(one => one.last?.text === text) ?? (await this.heard('rows', ({ put }) => !!put?.some(one => one.last?.text === text))).put?.find(one => one.last?.text === text)
    if (!row) throw new Error(`no conversation ends with ${text}`)
    return row.c
  }

  /** Reads everything of a conversation, oldest first. */
  async texts(c: string): Promise<string[]> {
    const { page } = await this.open(c)
    return page.events.flatMap(event => (event.kind === 'message' || event.kind === 'note' ? [event.text ?? ''] : []))
  }

  async close(): Promise<void> {
    if (this.closed !== undefined) return
    const gone = new Promise<void>(done => this.waiters.add(() => { if (this.closed !== undefined) done() }))
    this.socket.close(1000)
    await gone
  }

  private words(): string {
    return JSON.stringify(this.frames.slice(-5)).slice(-1_500)
  }
}

/** A UUIDv7, as ids of commands are. */
export function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
