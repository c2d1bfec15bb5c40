/**
 * What the console knows, named as the wire names it (kefu.1). Times are UTC milliseconds, ids are decimal strings,
 * `n` is an event's number.
 */
export type RoundState = 'none' | 'waiting' | 'assigned' | 'resolved'
export type Presence = 'online' | 'away' | 'offline'
export type View = 'waiting' | 'mine' | 'open'
export type Role = 'agent' | 'supervisor' | 'admin'
export type ActorKind = 'visitor' | 'agent' | 'bot' | 'system' | 'key'

export type EventKind =
  | 'message' | 'note' | 'edit' | 'recall'
  | 'opened' | 'reopened' | 'assigned' | 'released' | 'returned' | 'resolved'

export interface Person {
  kind: ActorKind
  id?: string
  name?: string
}

export interface AgentRef {
  id: string
  name: string
}

export interface AgentInfo extends AgentRef {
  presence: Presence
  sites: string[]
}

export interface Site {
  id: string
  name: string
  role: Role
  /** After how many seconds an unanswered visitor has waited too long. */
  answer_goal?: number
}

export interface PageInfo {
  url: string
  title?: string
  referrer?: string
}

export interface Says {
  name?: string
  email?: string
  fields?: Record<string, string>
}

export interface Visitor {
  id?: string
  /** For the friendly name and the colour of one whose name is not known. */
  key: string
  c?: string
  site: string
  says?: Says
  verified?: boolean
  language?: string
  browser?: string
  presence: Presence
  page?: PageInfo
  since?: number
}

export interface Round {
  number: number
  state: RoundState
  agent?: AgentRef
  opened_at?: number
  resolved_at?: number
  waiting_since?: number
  /** The visitor awaits an answer since then. */
  unanswered_since?: number
}

export interface RoundChange {
  number: number
  agent?: AgentRef
  from?: AgentRef
}

export interface LogEvent {
  n: number
  kind: EventKind | (string & {})
  at: number
  by: Person
  rev?: number
  id?: string
  private?: boolean
  text?: string
  erased?: boolean
  round?: RoundChange
  fallback?: string
}

/** A conversation in a list; `v` is its version, the higher one wins. */
export interface Row {
  c: string
  v: number
  site: string
  visitor: Visitor
  round: Round
  last?: LogEvent
  last_at: number
  unread: number
}

/** Open rounds on the agent's sites, and the visitors who are here. */
export interface Counts {
  waiting: number
  mine: number
  open: number
  visitors: number
}

export interface Marks {
  received: number
  read: number
}

export interface PastRound {
  number: number
  opened_at: number
  resolved_at?: number
  agent?: AgentRef
  n: number
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
