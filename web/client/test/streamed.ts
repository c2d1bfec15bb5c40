import { StreamLine } from '../src/transport-stream.ts'
import { type Frame } from '../src/wire.ts'
import { FakeRequest } from './door.ts'
import { FakeSocket, type FakeWorld } from './fakes.ts'

/** Looks like a WebSocket to a test, and speaks over streams with the client. */
export class StreamedSocket extends FakeSocket {
  private readonly asked = new Set<string>()
  private waiting: FakeRequest[] = []
  private stream: FakeRequest | undefined
  private hello: Frame<'hello'> | undefined
  private dead = false

  constructor(
    url: string,
    private readonly world: FakeWorld,
  ) {
    super(url)
  }

  override open(): void {
    const options = { url: 'https://kefu.example/stream/v1/x', request: this.request, probe: () => Promise.resolve(false), count: () => {} }
    new StreamLine(this.world, this, options)
  }

  override say(frame: { t: string; id?: string; r?: number }): void {
    if (frame.t === 'hello') this.hello = frame as Frame<'hello'>
    const fits = ({ frames: [one] }: FakeRequest) =>
      one && ((frame.id && 'id' in one && one.id === frame.id && (frame.t === 'ack' || frame.t === 'error')) || (frame.r && 'r' in one && one.r === frame.r))
    const asker = this.waiting.find(fits)
    this.waiting = this.waiting.filter(other => other !== asker)
    if (asker) asker.reply(200, frame)
    else this.stream?.say(frame)
    if (frame.t === 'ack' && this.hello && !this.hello.conversation) this.begun(this.hello, frame as Frame<'ack'>)
  }

  override lose(code: number): void {
    this.dead = true
    if (code === 1006) this.stream?.break()
    else this.stream?.end(code)
    if (code === 1009) for (const up of this.waiting) up.reply(413)
    else for (const up of this.waiting) up.break()
  }

  /** What the server says to a newcomer's next stream; the events come when the test says so. */
  private begun(hello: Frame<'hello'>, { c }: Frame<'ack'>): void {
    const none = { received: 0, read: 0 }
    const conversation = { c, head: { n: 0, tag: 0 }, round: { number: 1, state: 'waiting' as const }, unread: 0, mine: none, theirs: none }
    this.hello = { ...hello, conversation }
  }

  private readonly request = (url: string, init: RequestInit): Promise<Response> => {
    const request = new FakeRequest(url, init)
    if (this.dead) request.break()
    else if (request.up) this.goesUp(request)
    else this.begins(request)
    return request.response
  }

  private goesUp(request: FakeRequest): void {
    this.sent.push(...request.frames)
    const quiet = request.frames.some(({ t }) => t === 'mark' || t === 'typing')
    if (quiet) request.reply(204)
    else this.waiting.push(request)
  }

  /** A test is shown each frame once, however many streams begin with it. */
  private begins(request: FakeRequest): void {
    this.stream = request
    for (const frame of request.frames) {
      const key = frame.t === 'hello' ? 'hello' : JSON.stringify({ ...frame, at: undefined })
      if (!this.asked.has(key)) this.sent.push(frame)
      this.asked.add(key)
    }
    if (this.hello) request.say(this.hello)
  }
}
