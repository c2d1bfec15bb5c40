import { Cell, type Readable } from './cell.ts'
import { attempt, type Socket, type World } from './world.ts'
import { comesBack, subprotocol, tooBig, type ClientFrame, type ClientHello, type Frame, type ServerFrame } from './wire.ts'

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
/** A socket's readyState beyond this: it closes. */
const usable = 1
const unclean = 1006

/** As the server takes it: what a cut emoji leaves, and U+0000, is marked, wherever it stands. */
const encode = (frame: object): string => JSON.stringify(frame).replace(/(\\\\)|\\u(0000|d[89a-f]..)/g, (_, pair?: string) => pair ?? '\ufffd')

/** Writes, but not on a socket that closes: that is about to say why. A line of streams has no readyState. */
const write = (socket: Socket, frame: object): true => {
  if (!((socket.readyState as number) > usable)) socket.send(encode(frame))
  return true
}

/** Hears no more of a socket, and closes it. */
function hang(socket: Socket | undefined): void {
  if (!socket) return
  socket.onopen = socket.onmessage = socket.onclose = null
  attempt(() => socket.close(1000))
}

/** One live connection that comes back by itself: hello, backoff, pings, and when to stay away. */
export class Connection {
  readonly state: Readable<ConnectionState>
  readonly #cell = new Cell<ConnectionState>({ phase: 'idle', attempts: 0 })
  /** The one that has been greeted, and the one that is to be: both while the server sends us elsewhere. */
  #socket: Socket | undefined
  #coming: Socket | undefined
  #continues: string | undefined
  #error: Frame<'error'> | undefined
  #backoff = patience
  #openedAt = 0
  #attentive = false
  #cancelTimer = () => {}
  #cancelPong: (() => void) | undefined
  #cancelSilence = () => {}
  readonly #world: World
  readonly #options: ConnectionOptions

  constructor(
    world: World,
    options: ConnectionOptions,
  ) {
    this.#world = world
    this.#options = options
    this.state = this.#cell
  }

  start(): void {
    if (this.#cell.get().phase === 'idle') this.#connect()
  }

  /** Closes and rests until start(). */
  rest(): void {
    this.#cell.set({ phase: 'idle', attempts: 0 })
    this.#leave()
  }

  /** The page woke up, or the network is back: find out at once whether the connection still lives. */
  wake(): void {
    const { phase } = this.#cell.get()
    if (phase === 'open') this.#ping()
    else if (phase === 'waiting') this.#connect()
  }

  /** Somebody asks to try now; also after a stop. */
  retry(): void {
    if (this.#cell.get().phase !== 'stopped') return this.wake()
    this.#continues = undefined // take over where one connection is allowed
    this.#connect()
  }

  /** Says hello anew on a new connection: who we are has changed. */
  renew(): void {
    if (this.#cell.get().phase === 'idle') return
    this.#leave()
    this.#connect()
  }

  /** While somebody looks on, a silent death is found within half a minute. */
  attend(on: boolean): void {
    this.#attentive = on
    if (this.#cell.get().phase === 'open') this.#heard()
  }

  /** Whether the frame went out, or its socket is about to say why it closed. */
  send(frame: ClientFrame): boolean {
    const socket = this.#socket
    return !!socket && this.#cell.get().phase === 'open' && !!attempt(() => write(socket, frame))
  }

  #connect(): void {
    this.#release()
    this.#error = undefined
    this.#cell.set({ phase: 'connecting', attempts: this.#cell.get().attempts + 1 })
    this.#dial()
  }

  /** Opens a connection, beside the present one if there is one, whose place it takes when it is greeted. */
  #dial(): void {
    this.#cancelTimer()
    const socket = attempt(() => this.#world.socket(this.#options.url, subprotocol))
    this.#coming = socket
    if (!socket) return this.#closed(socket, unclean)
    this.#cancelTimer = this.#world.timer(attemptLimit, () => this.#closed(socket, unclean))
    socket.onopen = () => attempt(() => write(socket, { ...this.#options.hello(), continues: this.#continues }))
    socket.onmessage = message => this.#received(socket, message.data)
    socket.onclose = closed => this.#closed(socket, closed.code)
  }

  #received(socket: Socket, data: unknown): void {
    const frame = attempt(() => JSON.parse(String(data)) as ServerFrame)
    if (!frame?.t) return
    if (frame.t === 'error' && (socket === this.#coming || frame.do === 'stop')) this.#error = frame
    if (socket === this.#coming) {
      if (frame.t !== 'hello') return
      this.#leave(socket)
      this.#greeted(frame)
    }
    this.#heard()
    if (frame.t === 'move') {
      if (!this.#coming) this.#dial()
    } else if (frame.t !== 'pong') this.#options.frame(frame)
  }

  #greeted({ limits, continues }: Frame<'hello'>): void {
    this.#continues = continues
    this.#error = undefined
    this.#openedAt = this.#world.now()
    this.#backoff = { min: limits.backoff_min || patience.min, max: limits.backoff_max || patience.max }
    this.#cell.set({ phase: 'open', attempts: this.#cell.get().attempts })
  }

  /** Anything received proves that the connection lives; the next silence is counted from here. */
  #heard(): void {
    this.#quiet()
    this.#cancelSilence = this.#world.timer(this.#attentive ? silence.attentive : silence.quiet, () => this.#ping())
  }

  #ping(): void {
    if (this.#cancelPong || this.#cell.get().phase !== 'open') return
    const drop = () => this.#closed(this.#socket, unclean)
    if (!this.send({ t: 'ping' })) return drop()
    this.#cancelPong = this.#world.timer(pongLimit, drop)
  }

  /** Ended, or given up without waiting for its close, which on a dead network may take minutes. */
  #closed(socket: Socket | undefined, code: number): void {
    hang(socket)
    if (socket === this.#coming && this.#socket) {
      this.#coming = undefined
      this.#cancelTimer = this.#world.timer(this.#pause(1), () => this.#dial())
    } else if (this.#coming && socket === this.#socket) {
      this.#quiet()
      this.#socket = undefined
      this.#cell.set({ phase: 'connecting', attempts: 1 })
      this.#options.lost(code)
    } else this.#gone(code)
  }

  #gone(code: number): void {
    const { phase, attempts: before } = this.#cell.get()
    const held = phase === 'open' && this.#world.now() - this.#openedAt >= settled
    const attempts = held ? 0 : before
    const why = { attempts, closed: code, ...(this.#error && { error: this.#error }) }
    this.#release()
    if (!comesBack(code)) this.#cell.set({ phase: 'stopped', ...why })
    else {
      const pause = this.#pause(attempts)
      this.#cell.set({ phase: 'waiting', retryAt: this.#world.now() + pause, ...why })
      this.#cancelTimer = this.#world.timer(pause, () => this.#connect())
    }
    this.#options.lost(code)
    if (phase === 'connecting' && code !== tooBig && this.#options.mayEnter) void this.#ask(this.#options.mayEnter, why)
  }

  #pause(attempts: number): number {
    const { min, max } = this.#backoff
    const pause = min + this.#world.random() * (Math.min(max, min * 2 ** (attempts + 1)) - min)
    return Math.max(pause, this.#error?.retry_after ?? 0)
  }

  async #ask(mayEnter: () => Promise<boolean>, why: Omit<ConnectionState, 'phase'>): Promise<void> {
    const yes = await mayEnter().catch(() => true)
    const { phase } = this.#cell.get()
    if (yes || phase === 'open' || phase === 'idle') return
    this.#release()
    this.#cell.set({ phase: 'stopped', ...why })
  }

  #quiet(): void {
    this.#cancelSilence()
    this.#cancelPong?.()
    this.#cancelPong = undefined
  }

  #release(): void {
    this.#cancelTimer()
    this.#quiet()
    hang(this.#coming)
    hang(this.#socket)
    this.#coming = this.#socket = undefined
  }

  /** Says goodbye, for good or to go on with another connection. */
  #leave(to?: Socket): void {
    const open = this.#socket
    if (to) this.#coming = undefined
    this.#release()
    this.#socket = to
    if (open) this.#options.lost(1000)
  }
}
