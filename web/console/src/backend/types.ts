/**
 * What the console knows: the wire's own types (kefu.1), and what only this screen has. Times are UTC milliseconds,
 * ids are decimal strings, `n` is an event's number. What comes from the connection is replaced, never changed in place.
 */
import type { Agent, Broadcast, Event, Marks, OutboxFile, PastRound, Person, Row } from '@client/index.ts'

export type {
  ActorKind, AgentInfo, Counts, EventKind, ListState, Marks, PageInfo, PastRound, Person, Presence, Round, RoundChange, RoundState, Row, Says,
  View, Visitor, VisitorsState,
} from '@client/index.ts'

export type { OutboxFile } from '@client/index.ts'
export type { Upload } from '@client/files/uploads.ts'

export type Role = 'agent' | 'supervisor' | 'admin'
export type AgentRef = Agent
export type LogEvent = Event
export type CameBroadcast = Broadcast

export interface Site {
  id: string
  name: string
  role: Role
  /** After how many seconds an unanswered visitor has waited too long. */
  answer_goal?: number
}

/** A message or note of this agent that is not in the log yet. `waiting`: for the connection, or its turn. */
export interface Unsent {
  /** The client_id. */
  id: string
  kind: 'message' | 'note'
  text: string
  files?: readonly OutboxFile[]
  at: number
  state: 'waiting' | 'sending' | 'sent' | 'failed'
  /** Why it failed: an error code of the wire, or `too_big` or `old`. */
  code?: string
}

/** A conversation that is open on this screen. */
export interface Conversation {
  row: Row
  events: readonly LogEvent[]
  /** There are older events on the server. */
  more: boolean
  /** What was older is no longer kept. */
  removed?: boolean
  /** The conversation in which it goes on: this one has ended, whatever its round was. */
  to?: string
  unsent: readonly Unsent[]
  theirs: Marks
  rounds: readonly PastRound[]
  /** The other agents who have it open. */
  looking: readonly AgentRef[]
  typing: readonly Writer[]
  /** What came to the visitor as to many others, oldest first. */
  broadcasts?: readonly CameBroadcast[]
}

/** Somebody who writes now, here in a note or to the visitor. */
export type Writer = Person & { note?: boolean }

export interface Limits {
  text_code_points: number
  /** The largest file that may be sent, in bytes; absent: none may be. */
  file_bytes?: number
}

/** `lost`: it comes back by itself. `refused`: it does not, this page is too old or at fault. `ended`: the log-in has ended. */
export interface Connection {
  state: 'connecting' | 'live' | 'lost' | 'elsewhere' | 'refused' | 'ended'
  /** While lost: when the next try comes, and since when the lists are old. */
  retry_at?: number
  as_of?: number
}
