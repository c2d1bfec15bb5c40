/**
 * What the console knows: the wire's own types (kefu.1), and what only this screen has. Times are UTC milliseconds,
 * ids are decimal strings, `n` is an event's number.
 */
import type { Agent, Event, Marks, PastRound, Person, Row, View as WireView } from '@client/wire.gen.ts'

export type {
  ActorKind, AgentInfo, Counts, EventKind, Marks, PageInfo, PastRound, Person, Presence, Round, RoundChange, RoundState, Row, Says, Visitor,
} from '@client/wire.gen.ts'

/** The lists that are watched; what is resolved is paged through later, with search. */
export type View = Exclude<WireView, 'resolved'>
export type Role = 'agent' | 'supervisor' | 'admin'
export type AgentRef = Agent
export type LogEvent = Event

export interface Site {
  id: string
  name: string
  role: Role
  /** After how many seconds an unanswered visitor has waited too long. */
  answer_goal?: number
}

/** A message or note of this agent that the server has not kept yet. */
export interface Unsent {
  /** The client_id. */
  id: string
  kind: 'message' | 'note'
  text: string
  at: number
  state: 'sending' | 'failed'
  /** Why it failed: an error code of the wire, or "connection". */
  code?: string
}

/** A conversation that is open on this screen. */
export interface Conversation {
  row: Row
  events: LogEvent[]
  /** There are older events on the server. */
  more: boolean
  unsent: Unsent[]
  theirs: Marks
  rounds: PastRound[]
  /** The other agents who have it open. */
  looking: AgentRef[]
  typing: Person[]
}

export interface Limits {
  text_code_points: number
}

export interface Connection {
  state: 'connecting' | 'live' | 'lost' | 'ended'
  /** While lost: when the next try comes, and since when the lists are old. */
  retry_at?: number
  as_of?: number
}
