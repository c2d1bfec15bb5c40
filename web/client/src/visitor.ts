import type * as Hearer from './broadcasts.ts'
import { Cell, type Readable } from './cell.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { isSecret, nameOf, newSecret, uuids } from './ids.ts'
import { TabKeep, type Channel, type Tabs } from './keep.ts'
import { Log, type LogState } from './log.ts'
import { MarkSender } from './marks.ts'
import { Outbox, type OutboxFile, type OutboxItem } from './outbox.ts'
import { Requests } from './requests.ts'
import { roundOf } from './round.ts'
import { byteLength, codePoints, isBlank } from './text.ts'
import type { TypingSender } from './typing-sender.ts'
import { Typists, type Typist } from './typing.ts'
import type { BroadcastsState, VisitorState } from './visitor-state.ts'
import { type Broadcasts, type Event, type ClientHello, type Frame, type Marks, type PageInfo, type Position, type Presence, type Says, type ServerFrame } from './wire.ts'
import { attempt, insist, type World } from './world.ts'

export type { BroadcastsState, VisitorState }

export interface VisitorOptions {
  /** wss://HOST/ws/v1/visitor */
  url: string
  /** The widget key. */
  site: string
  language: string
  page: PageInfo
  /** The name and version of the program. */
  program: string
  newId?: () => string
}

export type SendProblem = 'blank' | 'too_long' | 'full'

const furthest = (a: Marks, b: Marks): Marks => ({ received: Math.max(a.received, b.received), read: Math.max(a.read, b.read) })

const secretKey = 'secret'
/** hello may have 4,096 bytes in all; the connection adds `continues` to it. */
const mostHello = 4_000
const mostFields = 20
/** The server takes what a page says once a second, by its own clock, in ms. */
const saysEvery = 1_200

/** A visitor's side of its one conversation. Nothing is kept anywhere before the first message. */
export class VisitorClient {
  readonly connection: Readable<ConnectionState>
  readonly state: Readable<VisitorState>
  readonly log: Readable<LogState>
  readonly outbox: Readable<readonly OutboxItem[]>
  readonly typists: Readable<readonly Typist[]>
  /** Undefined until there is any: broadcasts.ts, which comes with the first, changes it. */
  readonly broadcasts = new Cell<BroadcastsState | undefined>(undefined)
  /** Tells that the visitor writes: brought by typingOf. */
  typing?: TypingSender

  readonly cell = new Cell<VisitorState>({ agentsHere: 'offline', unread: 0 })
  readonly #items = new Cell<readonly OutboxItem[]>([])
  readonly live: Connection
  readonly #requests: Requests
  readonly #copy: Log
  readonly #marks: MarkSender
  readonly #others: Typists
  readonly #newId: () => string
  readonly #arrivals = new Set<(event: Event) => void>()
  #channel: Channel | undefined
  /** It also opens the doors for files. */
  secret: string
  #isKept: boolean
  #keep!: TabKeep
  /** The outbox itself, which files/uploads.ts tells of a message's files. */
  sending!: Outbox
  #presence: Presence = 'online'
  /** What the page has said of the visitor, all of it. */
  said: Says | undefined
  /** How often it was to be told since the last time it was. */
  #tellings = 0
  /** hello was too small for the page and what it says. */
  #cramped = false
  #readTo = 0
  /** How far it was told of broadcasts, by frames that are taken in or wait for broadcasts.ts. */
  #toldTo?: Position
  #hearer?: Promise<typeof Hearer>

  constructor(
    readonly world: World,
    readonly tabs: Tabs,
    readonly options: VisitorOptions,
  ) {
    const kept = this.#keptSecret()
    this.secret = kept ?? newSecret(world)
    this.#isKept = kept !== undefined
    this.#newId = options.newId ?? uuids(world)
    const live = new Connection(world, {
      url: options.url,
      hello: () => this.#hello(),
      frame: frame => this.#received(frame),
      lost: code => this.#lost(code),
    })
    this.live = live
    this.connection = live.state
    this.#requests = new Requests(world, frame => live.send(frame))
    this.#copy = new Log(
      world,
      (where, limit) => this.#requests.ask<'page'>({ t: 'page', ...where, limit }).then(answer => answer.page),
      event => this.#applied(event),
    )
    this.log = this.#copy.state
    this.#marks = new MarkSender(world, marks => live.send({ t: 'mark', ...marks }))
    this.#others = new Typists(world)
    this.typists = this.#others.state
    this.state = this.cell
    this.outbox = this.#items
    this.#openOutbox()
    live.state.subscribe(state => this.#keep.follow(state))
  }

  /** Whether its secret is kept: a visitor exists from the first message. */
  get exists(): boolean {
    return this.#isKept
  }

  start(): void {
    this.#channel ??= attempt(() => this.tabs.channel?.(`kefu.visitor.${this.options.site}`))
    if (this.#channel) this.#channel.onmessage = message => this.#heardSecret(message.data)
    this.live.start()
  }

  /** The page is put away: let go of everything, until start(). */
  rest(): void {
    this.#marks.flush()
    this.say('away')
    this.#channel?.close()
    this.#channel = undefined
    this.live.rest()
    this.#keep.rest()
  }

  wake(): void {
    this.live.wake()
  }

  retry(): void {
    this.live.retry()
  }

  /** Somebody looks at the conversation, or no longer. */
  attend(on: boolean): void {
    this.live.attend(on)
  }

  /** Puts a message into the outbox; a problem says why not. */
  send(text: string, files?: readonly OutboxFile[]): SendProblem | undefined {
    if (isBlank(text) && !files) return 'blank'
    if (codePoints(text) > (this.cell.get().limits?.text_code_points ?? 20_000)) return 'too_long'
    this.#exist()
    this.typing?.end()
    return this.sending.add('', 'send', text, files, this.broadcasts.get()?.answers) ? undefined : 'full'
  }

  resend(id: string): void {
    this.sending.resend(id)
  }

  discard(id: string): void {
    this.sending.discard(id)
  }

  /** Everything that is here has been read. */
  read(): void {
    this.#readTo = this.#copy.position()?.n ?? 0
    if (this.cell.get().conversation) this.#marks.want({ received: this.#readTo, read: this.#readTo })
    this.cell.update(state => (state.unread ? { ...state, unread: 0 } : state))
  }

  loadOlder(): Promise<boolean> {
    return this.#copy.loadOlder()
  }

  writes(on: boolean): void {
    this.live.send({ t: 'typing', on })
  }

  /** online or away. */
  say(presence: Presence): void {
    if (presence === this.#presence) return
    this.#presence = presence
    this.live.send({ t: 'presence', presence })
  }

  page(page: PageInfo): void {
    const { url, title } = this.options.page
    this.options.page = page
    if (url === page.url && title === page.title) return
    this.live.send({ t: 'presence', presence: this.#presence, page })
  }

  /** What the page says of the visitor; fields add to those said before, the newest 20 stay. */
  says(says: Says): void {
    const fields = says.fields && Object.fromEntries(Object.entries({ ...this.said?.fields, ...says.fields }).slice(-mostFields))
    this.said = { ...this.said, ...says, ...(fields && { fields }) }
    this.#tellSaid()
  }

  /** Calls for each message of an agent that arrives after the first hello. */
  arrived(message: (event: Event) => void): () => void {
    this.#arrivals.add(message)
    return () => void this.#arrivals.delete(message)
  }

  #hello(): ClientHello {
    const { site, language, page, program } = this.options
    const at = this.#copy.position()
    const who: ClientHello = { t: 'hello', site, secret: this.secret, presence: this.#presence, language, client: program, ...(at && { at }), broadcasts: this.#toldTo } as ClientHello
    const whole = { ...who, page, ...(this.said && { says: this.said }) }
    this.#cramped = byteLength(JSON.stringify(whole)) > mostHello
    return this.#cramped ? who : whole
  }

  /** At most once in saysEvery; what was said last goes last. */
  #tellSaid(): void {
    if (!this.said || this.#tellings++) return
    this.world.timer(saysEvery, () => {
      const again = this.#tellings > 1
      this.#tellings = 0
      if (again) this.#tellSaid()
    })
    this.live.send({ t: 'says', says: this.said })
  }

  #received(frame: ServerFrame): void {
    if (this.#requests.answer(frame)) return
    switch (frame.t) {
      case 'hello':
        return this.#greeted(frame)
      case 'event':
        return this.#pushed(frame)
      case 'page':
        return this.#copy.page(frame.page)
      case 'ack':
        return this.#acked(frame)
      case 'error':
        // Not one of ours, and too early: another tab's page has said something, too.
        return void (this.sending.error(frame) || (frame.code === 'rate_limited' && this.#tellSaid()))
      case 'mark':
        return this.#marked(frame)
      case 'typing':
        return this.#others.heard(frame.who, frame.on)
      case 'broadcasts':
        return this.#heardBroadcasts(frame.broadcasts)
      case 'presence':
        return this.cell.update(state => ({ ...state, agentsHere: frame.presence }))
    }
  }

  /** Frames wait for the code that takes them in, and keep their order. */
  #heardBroadcasts(told: Broadcasts, anew?: boolean): void {
    if (told.put || told.drop || told.off || this.#hearer) {
      this.#hearer ??= insist(this.world, () => import('./broadcasts.ts'))
      void this.#hearer.then(part => part.hear(this, told, anew))
    }
    this.#toldTo = told.at
  }

  #greeted(frame: Frame<'hello'>): void {
    const [site] = frame.sites
    const { conversation, page } = frame
    this.cell.set({
      ...(site && { site }), limits: frame.limits, agentsHere: frame.agents_here ?? 'offline',
      ...(conversation && { conversation }), unread: conversation?.unread ?? 0,
    })
    if (page?.reset) {
      this.#marks.forget()
      this.#readTo = 0
    }
    if (page) this.#copy.page(page)
    else if (conversation) this.#copy.reaches(conversation.head.n)
    else this.#copy.clear()
    if (conversation) {
      this.#marks.known(conversation.mine)
      this.#marks.want({ received: this.#copy.position()?.n ?? 0, read: this.#readTo })
    }
    if (this.#cramped) {
      this.#cramped = false
      this.live.send({ t: 'presence', presence: this.#presence, page: this.options.page })
      this.#tellSaid()
    }
    this.sending.online(frame.limits)
    if (frame.broadcasts) this.#heardBroadcasts(frame.broadcasts, true)
  }

  #lost(code: number): void {
    this.#requests.drop()
    this.#others.clear()
    this.typing?.forget()
    this.sending.offline(code)
  }

  #pushed({ c, e }: Frame<'event'>): void {
    const before = this.#copy.position()?.n ?? 0
    this.#copy.event(e)
    if (!this.cell.get().conversation) this.#begin(c)
    if (e.n <= before || e.kind !== 'message' || e.by.kind === 'visitor') return
    this.#others.heard(e.by, false)
    this.cell.update(state => ({ ...state, unread: state.unread + 1 }))
    for (const told of this.#arrivals) told(e)
  }

  #acked(frame: Frame<'ack'>): void {
    this.sending.ack(frame)
    if (!this.cell.get().conversation) this.#begin(frame.c)
    const at = this.#copy.position()
    if (at && at.n >= frame.n) this.sending.applied('', at)
    else this.world.timer(2_000, () => this.#copy.reaches(frame.n))
  }

  /** The first message is kept: there is a conversation now. */
  #begin(c: string): void {
    const none = { received: 0, read: 0 }
    const conversation = { c, head: { n: 0, tag: 0 }, round: { number: 1, state: 'waiting' as const }, unread: 0, mine: none, theirs: none }
    this.cell.update(state => ({ ...state, conversation }))
  }

  #applied(event: Event): void {
    this.sending.applied('', event)
    if (this.cell.get().conversation) this.#marks.want({ received: event.n, read: 0 })
    this.cell.update(state => {
      if (!state.conversation || !event.round) return state
      return { ...state, conversation: { ...state.conversation, round: roundOf(event, event.round) } }
    })
  }

  #marked(frame: Frame<'mark'>): void {
    const mine = frame.who.kind === 'visitor'
    this.cell.update(state => {
      if (!state.conversation) return state
      const conversation = { ...state.conversation, ...(mine ? { mine: frame.marks } : { theirs: furthest(state.conversation.theirs, frame.marks) }) }
      return { ...state, conversation, unread: mine ? frame.unread ?? state.unread : state.unread }
    })
    if (mine) this.#readTo = Math.max(this.#readTo, frame.marks.read)
  }

  #keptSecret(): string | undefined {
    const kept = attempt(() => this.tabs.shelf.get(secretKey))
    return isSecret(kept) ? kept : undefined
  }

  /** Before the first message: keep the secret, or take the one that another tab has kept meanwhile. */
  #exist(): void {
    if (this.#isKept) return
    const kept = this.#keptSecret()
    if (kept) return this.#become(kept)
    this.#isKept = true
    attempt(() => this.tabs.shelf.set(secretKey, this.secret))
    attempt(() => this.#channel?.postMessage(this.secret))
  }

  #heardSecret(data: unknown): void {
    if (!this.#isKept && typeof data === 'string' && isSecret(data)) this.#become(data)
  }

  /** Another tab has become a visitor: be the same one. */
  #become(secret: string): void {
    this.#isKept = true
    this.secret = secret
    this.#keep.rest()
    this.#copy.clear()
    this.#marks.forget()
    this.#openOutbox()
    this.live.renew()
  }

  #openOutbox(): void {
    this.#keep = new TabKeep(this.tabs, `${this.options.site}.${nameOf(this.secret)}`)
    this.sending = new Outbox(this.world, {
      newId: this.#newId,
      send: frame => this.live.send(frame),
      doubt: () => this.live.wake(),
      keep: this.#keep,
    })
    const own = this.sending
    own.items.subscribe(items => own === this.sending && this.#items.set(items))
    this.#items.set(own.items.get())
  }
}
