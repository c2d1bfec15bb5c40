import { type Marks } from './wire.ts'
import { type World } from './world.ts'

/** At most one frame in this time, and none before a burst of events is over, in ms. */
const interval = 1_000
const burst = 50

/** Tells the server how far a conversation was received and read: forward only, at most once a second. */
export class MarkSender {
  #wanted: Marks = { received: 0, read: 0 }
  #told: Marks = { received: 0, read: 0 }
  #last = -interval
  #cancel: (() => void) | undefined
  readonly #world: Pick<World, 'now' | 'timer'>
  readonly #send: (marks: Marks) => boolean

  constructor(
    world: Pick<World, 'now' | 'timer'>,
    send: (marks: Marks) => boolean,
  ) {
    this.#world = world
    this.#send = send
  }

  /** What the server knows, from its hello or its "conversation"; what it does not know yet is sent. */
  known(marks: Marks): void {
    this.#told = marks
    this.want(marks)
  }

  want({ received, read }: Marks): void {
    const furthest = Math.max(received, read, this.#wanted.received)
    this.#wanted = { received: furthest, read: Math.max(read, this.#wanted.read) }
    this.#plan()
  }

  /** Nothing of it holds any longer: another log. */
  forget(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#wanted = this.#told = { received: 0, read: 0 }
  }

  /** The page goes: what waits for its turn is told now. */
  flush(): void {
    if (!this.#cancel) return
    this.#cancel()
    this.#tell()
  }

  #plan(): void {
    const news = this.#wanted.received > this.#told.received || this.#wanted.read > this.#told.read
    if (!news || this.#cancel) return
    const wait = Math.min(interval, Math.max(burst, this.#last + interval - this.#world.now()))
    this.#cancel = this.#world.timer(wait, () => this.#tell())
  }

  #tell(): void {
    this.#cancel = undefined
    if (!this.#send(this.#wanted)) return
    this.#last = this.#world.now()
    this.#told = this.#wanted
  }
}
