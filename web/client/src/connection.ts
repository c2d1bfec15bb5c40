import { Cell, type Readable } from './cell.ts'
import { attempt, type Socket, type World } from './world.ts'
import { comesBack, subprotocol, type ClientFrame, type ClientHello, type closeCodes, type Frame, type Limits, type ServerFrame } from './wire.ts'

/**
 * idle: not started, or resting while the page is put away. waiting: until `retryAt`. stopped: it will not come back by
 * itself, `closed` and `error` say why.
 */
export interface ConnectionState {
  readonly phase: 'idle' | 'connecting' | 'open' | 'waiting' | 'stopped'
  /** Attempts since the last connection that held. */
  readonly attempts: number
  readonly retryAt?: number
  /** The last close code. */
  readonly closed?: number
  /** The error frame that came before the close. */
  readonly error?: Frame<'error'>
}

export interface ConnectionOptions {
  url: string
  /** Asked anew for each attempt. */
  hello: () => ClientHello
  frame: (frame: ServerFrame) => void
  /** The connection was lost, with its close code; `frame` is not called until the next hello. */
  lost: (code: number) => void
  /** After attempts that failed before hello: whether there is any use in trying on (a log-in may have ended). */
  mayEnter?: () => Promise<boolean>
}

/** How long one attempt may take until hello, and how long a ping may go unanswered, in ms. */
export const attemptLimit = 10_000
export const pongLimit = 5_000
/** A connection that held this long starts the backoff anew. */
const settled = 5_000
/** The longest silence, in ms, while somebody looks on and while nobody does. */
const silence = { attentive: 25_000, quiet: 120_000 }
const patience = { min: 500, max: 30_000 }
const unclean = 1006
const tooBig: typeof closeCodes.tooBig = 1009

/** One live connection that comes back by itself: hello, backoff, pings, and when to stay away. */
export class Connection {
  readonly state: Readable<ConnectionState>
  private readonly cell = new Cell<ConnectionState>({ phase: 'idle', attempts: 0 })
  private socket: Socket | undefined
  private error: Frame<'error'> | undefined
  private backoff = patience
  private openedAt = 0
  private attentive = false
  private cancelTimer = () => {}
  private cancelPong: (() => void) | undefined
  private cancelSilence = () => {}

  constructor(
    private readonly world: World,
    private readonly options: ConnectionOptions,
  ) {
    this.state = this.cell
  }

  start(): void {
    if (this.cell.get().phase === 'idle') this.connect()
  }

  /** Closes and rests until start(). */
  rest(): void {
    const open = this.socket
    this.release()
    attempt(() => open?.close(1000))
    this.put({ phase: 'idle', attempts: 0 })
    if (open) this.options.lost(1000)
  }

  /** The page woke up, or the network is back: find out at once whether the connection still lives. */
  wake(): void {
    const { phase } = this.cell.get()
    if (phase === 'open') this.ping()
    else if (phase === 'waiting') this.connect()
  }

  /** Somebody asks to try now; also after a stop. */
  retry(): void {
    const { phase } = this.cell.get()
    if (phase === 'stopped' || phase === 'waiting') this.connect()
    else this.wake()
  }

  /** Says hello anew on a new connection: who we are has changed. */
  renew(): void {
    const { phase } = this.cell.get()
    if (phase === 'idle') return
    const open = this.socket
    this.release()
    attempt(() => open?.close(1000))
    if (open) this.options.lost(1000)
    this.connect()
  }

  /** While somebody looks on, a silent death is found within half a minute. */
  attend(on: boolean): void {
    this.attentive = on
    if (this.cell.get().phase === 'open') this.heard()
  }

  /** Whether the frame went out. */
  send(frame: ClientFrame): boolean {
    if (this.cell.get().phase !== 'open') return false
    return attempt(() => (this.socket?.send(JSON.stringify(frame)), true)) ?? false
  }

  private connect(): void {
    this.release()
    this.error = undefined
    this.put({ phase: 'connecting', attempts: this.cell.get().attempts + 1 })
    const socket = attempt(() => this.world.socket(this.options.url, subprotocol))
    if (!socket) return this.gone(unclean)
    this.socket = socket
    this.cancelTimer = this.world.timer(attemptLimit, () => this.drop())
    socket.onopen = () => attempt(() => socket.send(JSON.stringify(this.options.hello())))
    socket.onmessage = message => this.received(message.data)
    socket.onclose = closed => this.gone(closed.code)
  }

  private received(data: unknown): void {
    const frame = attempt(() => JSON.parse(String(data)) as ServerFrame)
    if (!frame || typeof frame !== 'object') return
    this.heard()
    if (frame.t === 'hello') this.greeted(frame.limits)
    else if (this.cell.get().phase !== 'open') {
      if (frame.t === 'error') this.error = frame
      return
    } else if (frame.t === 'error' && frame.do === 'stop') this.error = frame
    if (frame.t !== 'pong') this.options.frame(frame)
  }

  private greeted(limits: Limits): void {
    this.cancelTimer()
    this.openedAt = this.world.now()
    this.backoff = { min: limits.backoff_min || patience.min, max: limits.backoff_max || patience.max }
    this.put({ phase: 'open', attempts: this.cell.get().attempts })
  }

  /** Anything received proves that the connection lives; the next silence is counted from here. */
  private heard(): void {
    this.cancelPong?.()
    this.cancelPong = undefined
    this.cancelSilence()
    this.cancelSilence = this.world.timer(this.attentive ? silence.attentive : silence.quiet, () => this.ping())
  }

  private ping(): void {
    if (this.cancelPong || this.cell.get().phase !== 'open') return
    if (!this.send({ t: 'ping' })) return this.drop()
    this.cancelPong = this.world.timer(pongLimit, () => this.drop())
  }

  /** Gives a connection up without waiting for its close, which on a dead network may take minutes. */
  private drop(): void {
    const dead = this.socket
    this.release()
    attempt(() => dead?.close())
    this.gone(unclean)
  }

  private gone(code: number): void {
    const { phase, attempts } = this.cell.get()
    const held = phase === 'open' && this.world.now() - this.openedAt >= settled
    const why = { closed: code, ...(this.error && { error: this.error }) }
    this.release()
    if (!comesBack(code)) this.put({ phase: 'stopped', attempts, ...why })
    else this.wait(held ? 0 : attempts, why)
    this.options.lost(code)
    if (phase === 'connecting' && code !== tooBig && this.options.mayEnter) void this.ask(this.options.mayEnter, why)
  }

  private wait(attempts: number, why: object): void {
    const { min, max } = this.backoff
    const pause = min + this.world.random() * (Math.min(max, min * 2 ** Math.min(attempts + 1, 20)) - min)
    this.put({ phase: 'waiting', attempts, retryAt: this.world.now() + pause, ...why })
    this.cancelTimer = this.world.timer(pause, () => this.connect())
  }

  private async ask(mayEnter: () => Promise<boolean>, why: object): Promise<void> {
    const yes = await mayEnter().catch(() => true)
    const { phase, attempts } = this.cell.get()
    if (yes || phase === 'open' || phase === 'idle') return
    this.release()
    this.put({ phase: 'stopped', attempts, ...why })
  }

  private release(): void {
    this.cancelTimer()
    this.cancelSilence()
    this.cancelPong?.()
    this.cancelPong = undefined
    if (this.socket) this.socket.onopen = this.socket.onmessage = this.socket.onclose = null
    this.socket = undefined
  }

  private put(state: ConnectionState): void {
    this.cell.set(state)
  }
}
