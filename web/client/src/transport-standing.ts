/** What the next stream has to begin with: hello, and all that the session asked to be told of, from where its copy reaches. */
import { type ClientFrame, type ClientHello, type Frame, type Position, type ServerFrame } from './wire.ts'

type Told = ServerFrame & { c?: string }

export class Standing {
  #hello: ClientHello | undefined
  readonly #asks = new Map<string, ClientFrame>()
  /** How far each conversation has been told; a visitor's own is ''. */
  readonly #at = new Map<string, Position>()
  #newcomer = false

  /** Whether the frame belongs to the session; any other goes up by itself. */
  takes(frame: ClientFrame): boolean {
    switch (frame.t) {
      case 'hello':
        this.#hello = frame
        this.#put('', frame.at)
        return true
      case 'presence':
        if (this.#hello) this.#hello = { ...this.#hello, presence: frame.presence, ...(frame.page && { page: frame.page }) }
        return true
      case 'says':
      case 'visitors':
        this.#asks.set(frame.t, frame)
        return true
      case 'list':
        if (!frame.after) this.#asks.set(`list ${frame.view}`, frame)
        return !frame.after
      case 'open':
      case 'close':
        this.#asks.delete(frame.c)
        this.#put(frame.c, frame.t === 'open' ? frame.at : undefined)
        if (frame.t === 'open') this.#asks.set(frame.c, frame)
        return true
    }
    return false
  }

  /** The body of the next stream's request. */
  body(): string {
    const frames = [this.#with(this.#hello ?? { t: 'hello' }, ''), ...[...this.#asks.values()].map(ask => (ask.t === 'open' ? this.#with(ask, ask.c) : ask))]
    return frames.map(frame => JSON.stringify(frame)).join('\n')
  }

  /** Whether the frame says that a part of the stream's request cannot be answered now. */
  lacks(frame: ServerFrame): frame is Frame<'error'> {
    return frame.t === 'error' && frame.do === 'retry' && [...this.#asks.values()].some(ask => 'r' in ask && ask.r === frame.r)
  }

  /** Notes how far a frame brings the copies. */
  reads(frame: ServerFrame): void {
    const { t, c } = frame as Told
    const about = this.#hello?.secret ? '' : t === 'conversation' ? (frame as Frame<'conversation'>).conversation.c : c ?? ''
    if (t === 'event') this.#follows(about, (frame as Frame<'event'>).e)
    const page = 'page' in frame && t !== 'presence' ? (frame as { page?: Frame<'page'>['page'] }).page : undefined
    const last = page?.events.at(-1)
    if (last || page?.reset) this.#put(about, last)
    if (t !== 'hello' || !this.#hello) return
    const { conversation, continues } = frame as Frame<'hello'>
    this.#newcomer = !!this.#hello.secret && !conversation
    this.#hello = { ...this.#hello }
    delete this.#hello.continues
    if (continues) this.#hello.continues = continues
  }

  /** Tells, once, that a newcomer's first message was kept: if another node took it, the stream's does not know. */
  began(): boolean {
    const was = this.#newcomer
    this.#newcomer = false
    return was
  }

  /** Behind a gap the position stays, and the next stream fills it. */
  #follows(c: string, { n, tag }: Position): void {
    if (n === (this.#at.get(c)?.n ?? 0) + 1) this.#at.set(c, { n, tag })
  }

  #put(c: string, at: Position | undefined): void {
    if (at) this.#at.set(c, { n: at.n, tag: at.tag })
    else this.#at.delete(c)
  }

  #with<F extends ClientHello | ClientFrame>(frame: F, c: string): F {
    const at = this.#at.get(c)
    const anew = { ...frame }
    delete (anew as { at?: Position }).at
    return at ? { ...anew, at } : anew
  }
}
