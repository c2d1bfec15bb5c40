import { describe, expect, it } from 'vitest'
import { AgentClient, VisitorClient, memoryShelf, type ClientFrame, type View } from '../src/index.ts'
import { FakeDoor } from './door.ts'
import { alone, FakeWorld, settle, type FakeSocket } from './fakes.ts'
import { StreamedSocket } from './streamed.ts'

interface Step {
  from: 'client' | 'server' | 'event'
  over?: 'old'
  frame?: { t: string } & Record<string, unknown>
  event?: { do: string; c?: string; id?: string; text?: string; n?: number; code?: number; open?: boolean; ms?: number; view?: View } & Record<string, unknown>
}

interface Transcript {
  client: 'visitor' | 'agent'
  what: string
  steps: Step[]
}

const transcripts = import.meta.glob<Transcript>('../../../internal/wire/testdata/transcripts/*.json', { eager: true, import: 'default' })
const named = Object.entries(transcripts).map(([path, transcript]): [string, Transcript] => [path.split('/').at(-1) ?? path, transcript])

/** What a client may add to a frame as it likes. */
const free = ['limit', 'presence', 'language', 'page', 'says', 'client']
const known = (frame: object) => Object.fromEntries(Object.entries(frame).filter(([key]) => !free.includes(key)))

/** A client may have come further than the recorded one: what the server repeats to it must then change nothing. */
function further(expected: Record<string, unknown>, found: ClientFrame | undefined): Record<string, unknown> {
  const theirs = expected['at'] as { n: number } | undefined
  const ours = found && 'at' in found ? found.at : undefined
  return theirs && ours && ours.n > theirs.n ? { ...expected, at: ours } : expected
}

/** Plays one transcript against the real client. */
class Player {
  readonly world = new FakeWorld()
  private readonly ids: string[]
  private readonly site: string
  private visitor: VisitorClient | undefined
  private agent: AgentClient | undefined
  private connected = 0
  private sent: ClientFrame[] = []
  private read = 0

  constructor(
    private readonly transcript: Transcript,
    private readonly streamed = false,
  ) {
    if (streamed) this.world.socket = url => this.world.sockets[this.world.sockets.push(new StreamedSocket(url, this.world)) - 1] as FakeSocket
    this.ids = transcript.steps.map(step => step.event?.id).filter(id => id !== undefined)
    const hello = transcript.steps.find(step => step.frame?.t === 'hello')?.frame
    this.site = String(hello?.['site'])
    const newId = () => this.ids.shift() ?? 'no id is left'
    if (transcript.client === 'agent') {
      this.agent = new AgentClient(this.world, alone(), { url: 'wss://kefu.example/ws/v1/agent', agent: '1', program: 'test', newId })
    } else {
      const shelf = memoryShelf([['secret', String(hello?.['secret'])]])
      const options = { url: 'wss://kefu.example/ws/v1/visitor', site: this.site, language: 'en', page: { url: 'https://shop.example/' }, program: 'test', newId }
      this.visitor = new VisitorClient(this.world, alone(shelf), options)
    }
  }

  async play(): Promise<void> {
    for (const step of this.transcript.steps) {
      if (step.from === 'server') (step.over ? this.old : this.world.last).say(step.frame ?? {})
      else if (step.from === 'client') await this.expectSent(step.frame ?? { t: '' })
      else await this.act(step.event ?? { do: '' })
      await this.settled()
    }
    expect(this.unexpected(), 'frames that the transcript does not name').toEqual([])
  }

  /** Streams begin anew after a moment, and what they bring takes turns of the event loop. */
  private async settled(): Promise<void> {
    await settle()
    if (!this.streamed) return
    await new FakeDoor(this.world).turn(25)
    await new FakeDoor(this.world).turn()
  }

  private async act(event: NonNullable<Step['event']>): Promise<void> {
    const { c = '', text = '' } = event
    switch (event.do) {
      case 'connect':
        return this.connect()
      case 'lost':
        return this.lose(event.code ?? 1006)
      case 'send':
        return void (this.agent ? this.agent.send(c, text) : this.visitor?.send(text))
      case 'note':
        return void this.agent?.note(c, text)
      case 'open':
        return void this.agent?.open(c)
      case 'watch':
        return this.agent?.watch(event.view as View)
      case 'read':
        return this.agent ? this.agent.read(c, event.n ?? 0) : this.visitor?.read()
      case 'wait':
        return this.world.pass(event.ms ?? 0)
      case 'old':
        return expect(this.old.closedBy).toBe(event.open ? undefined : 'client')
      case 'show':
        return this.show(event)
      default:
        throw new Error(`the transcript says ${event.do}, which this test does not know`)
    }
  }

  private async connect(): Promise<void> {
    expect(this.unexpected()).toEqual([])
    if (this.connected === 0) (this.agent ?? this.visitor)?.start()
    else while (this.world.sockets.length === this.connected) await this.pass(1_000)
    this.connected = this.world.sockets.length
    this.world.last.open()
    this.sent = this.world.last.sent
    this.read = 0
  }

  /** A line of streams is lost when its requests have failed for a while. */
  private async lose(code: number): Promise<void> {
    this.world.last.lose(code)
    const { connection } = this.agent ?? (this.visitor as VisitorClient)
    for (let i = 0; this.streamed && connection.get().phase === 'open' && i < 100; i++) await this.pass(100)
  }

  private async pass(ms: number): Promise<void> {
    await this.world.pass(ms)
    await this.settled()
  }

  /** The connection before the present one. */
  private get old() {
    const old = this.world.sockets.at(-2)
    if (!old) throw new Error('the transcript names a second connection, but there was none')
    return old
  }

  /** The next frame that is not a mark, unless a mark is what is expected. */
  private async expectSent(expected: { t: string } & Record<string, unknown>): Promise<void> {
    // Marks wait for one another: at most one a second.
    if (expected.t === 'mark') await this.world.pass(2_000)
    const skip = (frame: ClientFrame | undefined) => frame?.t === 'mark' && !(expected.t === 'mark' && frame.read === expected['read'])
    while (skip(this.sent[this.read])) this.read++
    // What a stream begins with goes by another way than what goes up: either may come first.
    const at = this.streamed ? this.sent.findIndex((frame, i) => i >= this.read && frame.t === expected.t) : this.read
    if (at > this.read) this.sent.splice(this.read, 0, ...this.sent.splice(at, 1))
    const found = this.sent[this.read++]
    expect(found && known(found)).toEqual(known(further(expected, found)))
  }

  private unexpected(): ClientFrame[] {
    return this.sent.slice(this.read).filter(frame => frame.t !== 'mark' && frame.t !== 'ping')
  }

  private show(event: NonNullable<Step['event']>): void {
    const copy = this.agent && event.c ? this.agent.conversation(event.c) : undefined
    const log = (copy ?? this.visitor)?.log.get().events ?? []
    const outbox = (this.agent ?? this.visitor)?.outbox.get() ?? []
    const state = copy?.state.get() ?? this.visitor?.state.get()
    const list = event.view && this.agent?.list(event.view).get().rows
    const seen: Record<string, unknown> = {
      log: log.map(({ n }) => n),
      outbox: outbox.map(({ id, state, code }) => ({ id, state, code })),
      unread: copy ? copy.state.get().conversation?.unread : this.visitor?.state.get().unread,
      theirs: state?.conversation?.theirs,
      mine: state?.conversation?.mine,
      rows: list?.map(({ c }) => c),
      versions: list && Object.fromEntries(list.map(({ c, v }) => [c, v])),
      counts: this.agent?.counts.get(),
      stopped: (this.agent ?? this.visitor)?.connection.get().phase === 'stopped',
      texts: Object.fromEntries(log.map(({ n, text, fallback, erased }) => [String(n), erased ? '' : text ?? fallback])),
      erased: log.filter(({ erased }) => erased).map(({ n }) => n),
    }
    for (const [key, value] of Object.entries(event)) {
      if (['do', 'c', 'view'].includes(key)) continue
      expect(key in seen, `the transcript shows ${key}, which this test does not know`).toBe(true)
      if (key === 'outbox') expect(seen['outbox']).toEqual((value as object[]).map(item => expect.objectContaining(item) as unknown))
      else if (key === 'texts') expect(seen['texts']).toMatchObject(value as object)
      else expect(seen[key], key).toEqual(value)
    }
  }
}

describe('the recorded transcripts', () => {
  it('are there', () => expect(named.length).toBeGreaterThan(15))

  it.each(named)('%s', async (_, transcript) => {
    await new Player(transcript).play()
  })

  // A line of streams moves by itself: transport.test.ts.
  it.each(named.filter(([name]) => name !== 'move.json'))('%s, over streams', async (_, transcript) => {
    await new Player(transcript, true).play()
  })
})
