import { Cell, type Readable } from './cell.ts'
import { Commands } from './commands.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { OpenConversation } from './conversation.ts'
import { uuids } from './ids.ts'
import { TabKeep, type Tabs } from './keep.ts'
import { Lists, VisitorsHere, type ListState, type VisitorsState } from './lists.ts'
import { Outbox, type OutboxFile, type OutboxItem } from './outbox.ts'
import { Requests } from './requests.ts'
import { codePoints, isBlank } from './text.ts'
import { TypingSender } from './typing-sender.ts'
import { type SendProblem } from './visitor.ts'
import { type AgentInfo, type Counts, type Frame, type Presence, type Refused, type ServerFrame, type View } from './wire.ts'
import { type World } from './world.ts'

export interface AgentOptions {
  /** wss://HOST/ws/v1/agent */
  url: string
  /** This agent's id: its outbox is never sent as another. */
  agent: string
  program: string
  /** Whether the log-in still holds: asked when the server does not let us in at all. */
  mayEnter?: () => Promise<boolean>
  newId?: () => string
}

/** Between two questions of which the first could not be answered, in ms. */
const askAgain = 2_000
/** How many closed conversations stay in memory, and how much of each. */
const remembered = { conversations: 20, events: 200 }

/**
 * An agent's live connection and what it knows. What comes of a command arrives in the stores; commands about a round
 * also answer with a promise that rejects with Refused.
 */
export class AgentClient {
  readonly connection: Readable<ConnectionState>
  /** The last hello: who we are, our sites and limits. */
  readonly hello: Readable<Frame<'hello'> | undefined>
  readonly agents: Readable<readonly AgentInfo[]>
  readonly counts: Readable<Counts>
  readonly visitors: Readable<VisitorsState>
  readonly outbox: Readable<readonly OutboxItem[]>

  readonly #helloCell = new Cell<Frame<'hello'> | undefined>(undefined)
  readonly #agentCell = new Cell<readonly AgentInfo[]>([])
  readonly #live: Connection
  readonly #requests: Requests
  readonly #commands: Commands
  readonly #lists = new Lists()
  readonly #here = new VisitorsHere()
  readonly #keep: TabKeep
  /** The outbox itself, which files/uploads.ts tells of a message's files. */
  readonly sending: Outbox
  readonly #copies = new Map<string, OpenConversation>()
  readonly #looked = new Set<string>()
  readonly #watched = new Set<View>()
  readonly #typists = new Map<string, TypingSender>()
  readonly #newId: () => string
  #watchingVisitors = false
  #presence: Presence = 'online'
  readonly #world: World
  readonly #options: AgentOptions

  constructor(
    world: World,
    tabs: Tabs,
    options: AgentOptions,
  ) {
    this.#world = world
    this.#options = options
    const live = new Connection(world, {
      url: options.url,
      hello: () => ({ t: 'hello', presence: this.#presence, client: options.program }),
      frame: frame => this.#received(frame),
      lost: code => this.#lost(code),
      ...(options.mayEnter && { mayEnter: options.mayEnter }),
    })
    this.#live = live
    this.#newId = options.newId ?? uuids(world)
    this.#requests = new Requests(world, frame => live.send(frame))
    this.#commands = new Commands(world, frame => live.send(frame))
    this.#keep = new TabKeep(tabs, `agent.${options.agent}`)
    this.sending = new Outbox(world, { newId: this.#newId, send: frame => live.send(frame), doubt: () => live.wake(), keep: this.#keep })
    this.connection = live.state
    this.hello = this.#helloCell
    this.agents = this.#agentCell
    this.counts = this.#lists.counts
    this.visitors = this.#here.state
    this.outbox = this.sending.items
    live.attend(true)
    live.state.subscribe(state => this.#keep.follow(state))
  }

  start(): void {
    this.#live.start()
  }

  rest(): void {
    this.say('away')
    this.#live.rest()
    this.#keep.rest()
  }

  wake(): void {
    this.#live.wake()
  }

  retry(): void {
    this.#live.retry()
  }

  /** For logging out: nothing that is unsent stays on this machine. */
  forget(): void {
    this.#live.rest()
    this.sending.offline(1000)
    for (const { id } of this.outbox.get()) this.sending.remove(id)
    this.#keep.rest()
  }

  list(view: View): Readable<ListState> {
    return this.#lists.list(view)
  }

  /** The server does not push what is resolved: asking for it again brings it up to date. */
  watch(view: View): void {
    if (this.#watched.has(view) && view !== 'resolved') return
    this.#watched.add(view)
    void this.#askList(view)
  }

  /** Fetches a view's next page; false when there is none, or none can be had now. */
  async more(view: View): Promise<boolean> {
    const after = this.#lists.last(view)
    return after !== undefined && this.#lists.list(view).get().more && this.#askList(view, after)
  }

  watchVisitors(on: boolean): void {
    if (on === this.#watchingVisitors) return
    this.#watchingVisitors = on
    void this.#askVisitors()
  }

  /** The copy of a conversation, which is empty until open(). */
  conversation(c: string): OpenConversation {
    const known = this.#copies.get(c)
    if (known) return known
    const made = new OpenConversation(
      this.#world,
      c,
      (where, limit) => this.#requests.ask<'page'>({ t: 'page', c, ...where, limit }).then(answer => answer.page),
      frame => this.#live.send(frame),
      event => this.sending.applied(c, event),
    )
    this.#copies.set(c, made)
    return made
  }

  open(c: string): OpenConversation {
    const copy = this.conversation(c)
    this.#copies.delete(c)
    this.#copies.set(c, copy)
    if (!this.#looked.has(c)) {
      this.#looked.add(c)
      void this.#askOpen(copy)
    }
    return copy
  }

  close(c: string): void {
    if (!this.#looked.delete(c)) return
    this.#typists.get(c)?.end()
    this.#typists.delete(c)
    this.#live.send({ t: 'close', c })
    const copy = this.#copies.get(c)
    copy?.lost()
    copy?.trim(remembered.events)
    for (const old of this.#copies.keys()) {
      if (this.#copies.size - this.#looked.size <= remembered.conversations) break
      if (!this.#looked.has(old)) this.#copies.delete(old)
    }
  }

  older(c: string): Promise<boolean> {
    return this.conversation(c).copy.loadOlder()
  }

  /** Puts a message into the outbox; a problem says why not. */
  send(c: string, text: string, files?: readonly OutboxFile[]): SendProblem | undefined {
    return this.#write(c, 'send', text, files)
  }

  note(c: string, text: string, files?: readonly OutboxFile[]): SendProblem | undefined {
    return this.#write(c, 'note', text, files)
  }

  resend(id: string): void {
    this.sending.resend(id)
  }

  discard(id: string): void {
    this.sending.discard(id)
  }

  take(c: string): Promise<void> {
    return this.#command(c, { t: 'take' })
  }

  assign(c: string, agent: string): Promise<void> {
    return this.#command(c, { t: 'assign', agent })
  }

  release(c: string): Promise<void> {
    return this.#command(c, { t: 'release' })
  }

  resolve(c: string): Promise<void> {
    return this.#command(c, { t: 'resolve' })
  }

  recall(c: string, n: number): Promise<void> {
    return this.#command(c, { t: 'recall', n })
  }

  async edit(c: string, n: number, text: string): Promise<void> {
    const id = this.#newId()
    await this.#commands.ask(id, { t: 'edit', id, c, n, text })
  }

  /** How far this agent has read, as an event's number. */
  read(c: string, n: number): void {
    this.#copies.get(c)?.read(n)
  }

  /** A key was pressed in a conversation's composer. */
  key(c: string, note = false): void {
    this.#typist(c).key(note)
  }

  endTyping(c: string): void {
    this.#typists.get(c)?.end()
  }

  say(presence: Presence): void {
    if (presence === this.#presence) return
    this.#presence = presence
    this.#live.send({ t: 'presence', presence })
  }

  #received(frame: ServerFrame): void {
    if (this.#requests.answer(frame)) return
    switch (frame.t) {
      case 'hello':
        return this.#greeted(frame)
      case 'event':
        return this.#copies.get(frame.c)?.copy.event(frame.e)
      case 'page':
        return this.#copies.get(frame.c)?.copy.page(frame.page)
      // Answers that nobody waits for: a stream began anew.
      case 'list':
        return this.#lists.snapshot(frame)
      case 'conversation':
        return this.#looked.has(frame.conversation.c) ? this.#copies.get(frame.conversation.c)?.opened(frame) : undefined
      case 'ack':
        return this.#acked(frame)
      case 'error':
        return this.#failed(frame)
      case 'mark':
        // How far a colleague has read is no mark of ours, and none of the visitor.
        if (frame.who.kind === 'agent' && frame.who.id !== this.#lists.me) return
        return this.#copies.get(frame.c)?.marked(frame, frame.who.kind === 'agent')
      case 'typing':
        return this.#copies.get(frame.c)?.typing(frame)
      case 'looking':
        return this.#copies.get(frame.c)?.looking(frame.agents)
      case 'broadcasts':
        return frame.c ? this.#copies.get(frame.c)?.came(frame) : undefined
      case 'agents':
        return this.#agentCell.set(frame.agents)
      case 'presence':
        return this.#present(frame)
      case 'gone':
        return this.#gone(frame.c)
      case 'rows':
        this.#lists.change(frame)
        for (const row of frame.put ?? []) if (this.#looked.has(row.c)) this.#copies.get(row.c)?.put(row)
        return
      case 'visitors':
        return this.#visitorsHere(frame)
    }
  }

  #greeted(frame: Frame<'hello'>): void {
    this.#lists.me = frame.you.id ?? ''
    this.#helloCell.set(frame)
    this.#agentCell.set(frame.agents ?? [])
    for (const view of this.#watched) void this.#askList(view)
    if (this.#watchingVisitors) void this.#askVisitors()
    for (const c of this.#looked) void this.#askOpen(this.conversation(c))
    this.#commands.online()
    this.sending.online(frame.limits)
  }

  #lost(code: number): void {
    this.#requests.drop()
    this.sending.offline(code)
    for (const copy of this.#copies.values()) copy.lost()
    for (const typist of this.#typists.values()) typist.forget()
  }

  #acked(frame: Frame<'ack'>): void {
    if (!this.sending.ack(frame)) return this.#commands.ack(frame)
    const copy = this.#looked.has(frame.c) ? this.#copies.get(frame.c)?.copy : undefined
    const at = copy?.position()
    if (!copy || (at && at.n >= frame.n)) this.sending.applied(frame.c, { n: frame.n })
    else this.#world.timer(2_000, () => copy.reaches(frame.n))
  }

  #failed(frame: Frame<'error'>): void {
    const item = this.outbox.get().find(({ id }) => id === frame.id)
    if (item) this.#copies.get(item.c)?.round(frame)
    if (!this.sending.error(frame)) this.#commands.error(frame)
  }

  /** Nothing of it is left, here either: no event, no row, and nothing that waits to be sent. */
  #gone(c: string): void {
    this.#looked.delete(c)
    this.#typists.get(c)?.forget()
    this.#typists.delete(c)
    this.#lists.forget(c)
    for (const item of this.outbox.get()) if (item.c === c) this.sending.remove(item.id)
    this.conversation(c).gone(this.#world.now())
  }

  #present(frame: Frame<'presence'>): void {
    const { c, who, presence } = frame
    if (c) this.#copies.get(c)?.present(frame)
    else if (who) this.#agentCell.update(agents => agents.map(agent => (agent.id === who.id ? { ...agent, presence } : agent)))
  }

  #visitorsHere(frame: Frame<'visitors'>): void {
    this.#here.heard(frame)
    this.#lists.visitorCount(frame.count)
  }

  async #askList(view: View, after?: string): Promise<boolean> {
    try {
      const answer = await this.#requests.ask<'list'>({ t: 'list', view, ...(after && { after }) })
      this.#lists.snapshot({ ...answer, ...(after && { after }) })
      return answer.rows.length > 0
    } catch (why) {
      if (!after) this.#later(why as Refused, () => void this.#askList(view))
      return false
    }
  }

  async #askVisitors(): Promise<void> {
    try {
      const answer = await this.#requests.ask<'visitors'>({ t: 'visitors', on: this.#watchingVisitors })
      if (this.#watchingVisitors) this.#visitorsHere(answer)
    } catch (why) {
      this.#later(why as Refused, () => void this.#askVisitors())
    }
  }

  async #askOpen(copy: OpenConversation): Promise<void> {
    const at = copy.copy.position()
    try {
      copy.opened(await this.#requests.ask<'conversation'>({ t: 'open', c: copy.c, ...(at && { at }) }))
    } catch (why) {
      const { code } = why as Refused
      if (code === 'offline') return
      if (!this.#later(why as Refused, () => this.#looked.has(copy.c) && void this.#askOpen(copy))) copy.refuse(why as Refused)
    }
  }

  /** Asks once more after a while where that may help; after a lost connection, hello does. */
  #later({ code, frame }: Refused, ask: () => void): boolean {
    const helps = code === 'late' || frame?.do === 'retry'
    if (helps) this.#world.timer(frame?.retry_after ?? askAgain, ask)
    return helps
  }

  #write(c: string, t: OutboxItem['t'], text: string, files?: readonly OutboxFile[]): SendProblem | undefined {
    if (isBlank(text) && !files) return 'blank'
    if (codePoints(text) > (this.#helloCell.get()?.limits.text_code_points ?? 20_000)) return 'too_long'
    this.#typists.get(c)?.end()
    return this.sending.add(c, t, text, files) ? undefined : 'full'
  }

  async #command(c: string, what: { t: 'take' | 'release' | 'resolve' | 'assign' | 'recall'; agent?: string; n?: number }): Promise<void> {
    const id = this.#newId()
    try {
      await this.#commands.ask(id, { ...what, id, c })
    } catch (why) {
      const { frame } = why as Refused
      if (frame) this.#copies.get(c)?.round(frame)
      throw why
    }
  }

  #typist(c: string): TypingSender {
    const known = this.#typists.get(c)
    if (known) return known
    const made = new TypingSender(this.#world, (on, note) => this.#live.send({ t: 'typing', c, on, ...(note && { note }) }))
    this.#typists.set(c, made)
    return made
  }
}
