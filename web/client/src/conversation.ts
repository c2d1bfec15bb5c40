import { Cell, type Readable } from './cell.ts'
import { Log, type AskPage, type LogState } from './log.ts'
import { MarkSender } from './marks.ts'
import { roundAfter } from './round.ts'
import { Typists, type Typist } from './typing.ts'
import { type Agent, type Broadcast, type ClientFrame, type ConversationInfo, type Event, type Frame, type Marks, type PastRound, type Refused, type Row, type Visitor } from './wire.ts'
import { type World } from './world.ts'

/** What an agent knows of a conversation that is open, apart from its log. */
export interface ConversationState {
  readonly c: string
  /** As its row in the lists; undefined until the first answer. */
  readonly row?: Row
  /** Round, marks, and this agent's unread. */
  readonly conversation?: ConversationInfo
  readonly visitor?: Visitor
  readonly rounds: readonly PastRound[]
  /** The other agents who have it open. */
  readonly looking: readonly Agent[]
  /** The broadcasts that came to the visitor, oldest first. */
  readonly broadcasts?: readonly Broadcast[]
  /** Why it cannot be opened. */
  readonly refused?: Refused
  /** When we heard that its visitor was erased, UTC ms: nothing of it is left. */
  readonly gone?: number
}

const furthest = (a: Marks, b: Marks): Marks => ({ received: Math.max(a.received, b.received), read: Math.max(a.read, b.read) })

/** An agent's copy of one conversation. */
export class OpenConversation {
  readonly state: Readable<ConversationState>
  readonly log: Readable<LogState>
  readonly typists: Readable<readonly Typist[]>
  /** The copy itself; the agent's client feeds it. */
  readonly copy: Log
  readonly #cell: Cell<ConversationState>
  readonly #marks: MarkSender
  readonly #others: Typists

  constructor(
    world: World,
    readonly c: string,
    ask: AskPage,
    send: (frame: ClientFrame) => boolean,
    applied: (event: Event) => void,
  ) {
    this.#cell = new Cell<ConversationState>({ c, rounds: [], looking: [] })
    this.state = this.#cell
    this.copy = new Log(world, ask, event => {
      this.#applied(event)
      applied(event)
    })
    this.log = this.copy.state
    this.#marks = new MarkSender(world, marks => send({ t: 'mark', c, ...marks }))
    this.#others = new Typists(world)
    this.typists = this.#others.state
  }

  opened(frame: Frame<'conversation'>): void {
    const { row, conversation, visitor, rounds, looking, broadcasts } = frame
    const theirs = furthest(conversation.theirs, frame.page.reset ? conversation.theirs : this.#theirs())
    if (frame.page.reset) this.#marks.forget()
    // It ended meanwhile: what was carried from it has its text elsewhere, and no event of its own says so.
    if (conversation.to && !this.#cell.get().conversation?.to) this.copy.clear()
    this.#cell.set({ c: this.c, row, conversation: { ...conversation, theirs }, visitor, rounds, looking, broadcasts: broadcasts?.put ?? [] })
    this.copy.page(frame.page)
    this.#marks.known(conversation.mine)
    this.#marks.want({ received: this.copy.position()?.n ?? 0, read: 0 })
  }

  refuse(refused: Refused): void {
    this.#cell.update(state => ({ ...state, refused }))
  }

  /** Its visitor was erased. */
  gone(at: number): void {
    this.#others.clear()
    this.copy.clear()
    this.#cell.set({ c: this.c, rounds: [], looking: [], gone: at })
  }

  /** The agent has read up to this number. */
  read(n: number): void {
    this.#marks.want({ received: n, read: n })
  }

  marked(frame: Frame<'mark'>, mine: boolean): void {
    this.#change(known => ({
      ...known,
      ...(mine ? { mine: furthest(known.mine, frame.marks) } : { theirs: furthest(known.theirs, frame.marks) }),
      ...(mine && frame.unread !== undefined && { unread: frame.unread }),
    }))
  }

  typing(frame: Frame<'typing'>): void {
    this.#others.heard(frame.who, frame.on, frame.note)
  }

  /** What came to the visitor has changed: the frame holds all of it. */
  came(frame: Frame<'broadcasts'>): void {
    this.#cell.update(state => ({ ...state, broadcasts: frame.broadcasts.put ?? [] }))
  }

  looking(agents: readonly Agent[]): void {
    this.#cell.update(state => ({ ...state, looking: agents }))
  }

  /** The visitor came, went, or looks at another page. */
  present(frame: Frame<'presence'>): void {
    this.#cell.update(state => {
      if (!state.visitor) return state
      const visitor = { ...state.visitor, presence: frame.presence, ...(frame.page && { page: frame.page }) }
      return { ...state, visitor }
    })
  }

  /** Its row in a list changed. */
  put(row: Row): void {
    this.#cell.update(state => (state.row && state.row.v > row.v ? state : { ...state, row, visitor: row.visitor }))
    if (row.v >= (this.copy.position()?.n ?? 0)) this.#change(known => ({ ...known, round: row.round, unread: row.unread }))
    this.copy.reaches(row.v)
  }

  /** A refusal told the present round. */
  round(frame: Frame<'error'>): void {
    const { round } = frame
    if (round) this.#change(known => ({ ...known, round }))
  }

  /** Nobody looks at it: only its newest events stay. */
  trim(keep: number): void {
    this.copy.cell.update(log => (log.events.length > keep ? { ...log, events: log.events.slice(-keep), older: true } : log))
  }

  lost(): void {
    this.#others.clear()
    this.#cell.update(state => (state.looking.length > 0 ? { ...state, looking: [] } : state))
  }

  #theirs(): Marks {
    return this.#cell.get().conversation?.theirs ?? { received: 0, read: 0 }
  }

  #applied(event: Event): void {
    const message = event.kind === 'message' || event.kind === 'note'
    if (message) this.#others.heard(event.by, false)
    if (this.#cell.get().conversation) this.#marks.want({ received: event.n, read: 0 })
    this.#change(known => ({ ...known, round: roundAfter(known.round, event) }))
  }

  #change(how: (known: ConversationInfo) => ConversationInfo): void {
    this.#cell.update(state => (state.conversation ? { ...state, conversation: how(state.conversation) } : state))
  }
}
