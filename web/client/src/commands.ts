import { Refused, type ClientFrame, type Frame } from './wire.ts'
import { type World } from './world.ts'

type Ack = Frame<'ack'>

/** A command that nobody answered for this long, in ms, is given up: whether it was done, the log will tell. */
const limit = 20_000
const pause = 1_000

interface Pending {
  frame: ClientFrame
  done: (ack: Ack) => void
  failed: (why: Refused) => void
  cancel: () => void
}

/**
 * Commands that make sense only now: take, hand over, release, resolve, edit, recall. They are not kept over a reload;
 * over a short loss of the connection they are repeated with the same id.
 */
export class Commands {
  readonly #pending = new Map<string, Pending>()
  readonly #world: Pick<World, 'timer'>
  readonly #send: (frame: ClientFrame) => boolean

  constructor(
    world: Pick<World, 'timer'>,
    send: (frame: ClientFrame) => boolean,
  ) {
    this.#world = world
    this.#send = send
  }

  /** Rejects with a Refused: what the server said, `offline` at once, or `late`. */
  ask(id: string, frame: ClientFrame): Promise<Ack> {
    return new Promise((done, failed) => {
      if (!this.#send(frame)) return failed(new Refused('offline', 'there is no connection'))
      const cancel = this.#world.timer(limit, () => this.#take(id)?.failed(new Refused('late', 'no answer in time')))
      this.#pending.set(id, { frame, done, failed, cancel })
    })
  }

  online(): void {
    for (const { frame } of this.#pending.values()) this.#send(frame)
  }

  ack(frame: Ack): void {
    this.#take(frame.id)?.done(frame)
  }

  error(frame: Frame<'error'>): void {
    const waiting = frame.id ? this.#pending.get(frame.id) : undefined
    if (!waiting || !frame.id) return
    if (frame.do === 'retry') this.#world.timer(frame.retry_after ?? pause, () => this.#pending.has(frame.id ?? '') && this.#send(waiting.frame))
    else this.#take(frame.id)?.failed(new Refused(frame.code, frame.text, frame))
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.cancel()
    return pending
  }
}
