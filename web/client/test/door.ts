import { settle, type FakeWorld } from './fakes.ts'
import { type ClientFrame } from '../src/wire.ts'

/** A request to the streaming doors that waits for its answer. */
export class FakeRequest {
  readonly frames: ClientFrame[]
  readonly up: boolean
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  done = false
  private body: ReadableStreamDefaultController<Uint8Array> | undefined
  private answer!: (response: Response) => void
  private refuse!: (why: Error) => void
  readonly response: Promise<Response>

  constructor(readonly url: string, init: RequestInit) {
    this.up = url.endsWith('/frame')
    this.frames = String(init.body).split('\n').map(line => JSON.parse(line) as ClientFrame)
    this.headers = init.headers as Record<string, string>
    this.signal = init.signal as AbortSignal
    this.response = new Promise((answer, refuse) => {
      this.answer = answer
      this.refuse = refuse
    })
    this.signal.addEventListener('abort', () => {
      this.done = true
      this.refuse(new Error('aborted'))
      if (this.body) this.body.error(new Error('aborted'))
      this.body = undefined
    })
  }

  /** Answers with a status and, whole, a body. */
  reply(status: number, body?: object, headers: Record<string, string> = {}): void {
    this.done = true
    this.answer(new Response(body ? JSON.stringify(body) : null, { status, headers }))
  }

  /** Breaks, as a lost network does. */
  break(): void {
    this.done = true
    this.refuse(new TypeError('the network was lost'))
    this.body?.error(new TypeError('the network was lost'))
    this.body = undefined
  }

  /** Sends lines down. */
  say(...lines: object[]): void {
    if (!this.body) {
      const stream = new ReadableStream<Uint8Array>({ start: body => void (this.body = body) })
      this.answer(new Response(stream, { status: 200 }))
      this.down('   \n')
    }
    for (const line of lines) this.down(JSON.stringify(line) + '\n')
  }

  /** Ends the stream with a close code. */
  end(code: number, seen?: string): void {
    this.say({ end: code, ...(seen && { seen }) })
    this.done = true
    this.body?.close()
    this.body = undefined
  }

  private down(text: string): void {
    this.body?.enqueue(new TextEncoder().encode(text))
  }
}

/** The server's streaming doors, in a test's hands. */
export class FakeDoor {
  readonly requests: FakeRequest[] = []

  constructor(private readonly world: FakeWorld) {}

  readonly request = (url: string, init: RequestInit): Promise<Response> => {
    const request = new FakeRequest(url, init)
    this.requests.push(request)
    return request.response
  }

  /** The newest stream that has not ended. */
  get stream(): FakeRequest {
    const found = this.requests.filter(({ up, done }) => !up && !done).at(-1)
    if (!found) throw new Error('no stream is under way')
    return found
  }

  /** The oldest frame that goes up and was not answered. */
  get up(): FakeRequest {
    const found = this.requests.find(({ up, done }) => up && !done)
    if (!found) throw new Error('nothing goes up')
    return found
  }

  /** Lets what streams do, which takes turns of the event loop, come about. */
  async turn(ms = 0): Promise<void> {
    await this.run()
    await this.world.pass(ms)
    await this.run()
  }

  private async run(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      await new Promise(done => setTimeout(done))
      await settle()
    }
  }
}
