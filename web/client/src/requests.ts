import { type World } from './world.ts'
import { Refused, type ClientFrame, type Frame, type ServerFrame } from './wire.ts'

type Answer = Extract<ServerFrame, { r?: number } | { r: number }>
type Asked = Extract<ClientFrame, { r?: number } | { r: number }>
/** Leaves out the number, from each frame of the union by itself. */
type Unnumbered<F> = F extends { r?: number } ? Omit<F, 'r'> : never

const limit = 10_000

/** The requests that wait for an answer. A lost connection refuses them all with the code `offline`. */
export class Requests {
  #last = 0
  readonly #waiting = new Map<number, (answer: Answer | Refused) => void>()
  readonly #world: World
  readonly #send: (frame: ClientFrame) => boolean

  constructor(
    world: World,
    send: (frame: ClientFrame) => boolean,
  ) {
    this.#world = world
    this.#send = send
  }

  /** Rejects with a Refused: what the server said, `offline`, or `late` after 10 s. */
  ask<T extends Answer['t']>(frame: Unnumbered<Asked>): Promise<Frame<T>> {
    const r = ++this.#last
    return new Promise((done, failed) => {
      const cancel = this.#world.timer(limit, () => this.#settle(r, new Refused('late')))
      this.#waiting.set(r, answer => {
        cancel()
        if (answer instanceof Refused) failed(answer)
        else done(answer as Frame<T>)
      })
      if (!this.#send({ ...frame, r } as ClientFrame)) this.#settle(r, new Refused('offline'))
    })
  }

  /** Whether the frame answers a request. */
  answer(frame: ServerFrame): boolean {
    if (!('r' in frame) || !frame.r) return false
    return this.#settle(frame.r, frame.t === 'error' ? new Refused(frame.code, frame.text, frame) : frame)
  }

  drop(): void {
    for (const r of [...this.#waiting.keys()]) this.#settle(r, new Refused('offline'))
  }

  #settle(r: number, answer: Answer | Refused): boolean {
    this.#waiting.get(r)?.(answer)
    return this.#waiting.delete(r)
  }
}
