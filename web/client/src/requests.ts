import { type World } from './world.ts'
import { Refused, type ClientFrame, type Frame, type ServerFrame } from './wire.ts'

type Answer = Extract<ServerFrame, { r?: number } | { r: number }>
type Asked = Extract<ClientFrame, { r?: number } | { r: number }>
/** Leaves out the number, from each frame of the union by itself. */
type Unnumbered<F> = F extends { r?: number } ? Omit<F, 'r'> : never

const limit = 10_000

/** The requests that wait for an answer. A lost connection refuses them all with the code `offline`. */
export class Requests {
  private last = 0
  private readonly waiting = new Map<number, { done: (frame: Answer) => void; failed: (why: Refused) => void; cancel: () => void }>()

  constructor(
    private readonly world: World,
    private readonly send: (frame: ClientFrame) => boolean,
  ) {}

  /** Rejects with a Refused: what the server said, `offline`, or `late` after 10 s. */
  ask<T extends Answer['t']>(frame: Unnumbered<Asked>): Promise<Frame<T>> {
    const r = ++this.last
    return new Promise((done, failed) => {
      const cancel = this.world.timer(limit, () => this.fail(r, new Refused('late')))
      this.waiting.set(r, { done: answer => done(answer as Frame<T>), failed, cancel })
      if (!this.send({ ...frame, r } as ClientFrame)) this.fail(r, new Refused('offline'))
    })
  }

  /** Whether the frame answers a request. */
  answer(frame: ServerFrame): boolean {
    if (!('r' in frame) || !frame.r) return false
    if (frame.t === 'error') return this.fail(frame.r, new Refused(frame.code, frame.text, frame))
    const asked = this.take(frame.r)
    asked?.done(frame)
    return asked !== undefined
  }

  drop(): void {
    for (const r of [...this.waiting.keys()]) this.fail(r, new Refused('offline'))
  }

  private fail(r: number, why: Refused): boolean {
    const asked = this.take(r)
    asked?.failed(why)
    return asked !== undefined
  }

  private take(r: number) {
    const asked = this.waiting.get(r)
    this.waiting.delete(r)
    asked?.cancel()
    return asked
  }
}
