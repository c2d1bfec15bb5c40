/** The shapes of docs/openapi.json about broadcasts. Times are UTC milliseconds. */
export type BroadcastState = 'draft' | 'scheduled' | 'publishing' | 'published' | 'withdrawn' | 'expired'
export type AudienceKind = 'all' | 'online' | 'segment' | 'list'

export interface BroadcastAudience {
  kind: AudienceKind
  /** Of a segment: a language tag or the beginning of one, and the beginning of the page's address. */
  language?: string
  page?: string
  /** Of a segment: only those for whom the website vouches. */
  verified?: boolean
  /** Of a list: visitors' ids. They are given, and not told; a change without them leaves them as they are. */
  ids?: readonly string[]
  /** Of a list, told: how many it names, and how many of them were no visitors of the site when it was given. */
  size?: number
  unknown?: number
}

/** What a draft says. */
export interface BroadcastContent {
  text: string
  /** In the conversation, or as a card by itself. */
  show: 'message' | 'card'
  audience: BroadcastAudience
  expires_at?: number
  waves?: number
  wave_seconds?: number
}

export interface Broadcast extends BroadcastContent {
  id: string
  state: BroadcastState
  waves: number
  /** How many waves are out. */
  wave?: number
  created_at: number
  scheduled_at?: number
  published_at?: number
  withdrawn_at?: number
  by: { kind: 'agent' | 'key'; id: string; name?: string }
  /** Rises with each change; a change names the version that it saw. */
  version: number
  /** For how many visitors it was when it was published; to how many it was sent; how many have seen it. */
  expected: number
  delivered: number
  read: number
}

export interface BroadcastCount {
  visitors: number
  /** Those of them who are connected now. */
  online: number
  /** Those of a list who are no visitors of the site; not among visitors. */
  unknown?: number
  /** False: about so many. */
  exact: boolean
}

/** Whose number is asked: an audience's, or that of a broadcast as the server has it in a version. */
export type Counted = { audience: BroadcastAudience } | { broadcast: string; version: number }

/** The part of /api/v1 about broadcasts, for supervisors and admins. Every call may throw Refused. */
export interface BroadcastRest {
  /** Newest first; those after `before` in this order. */
  broadcasts(site: string, limit: number, before?: string): Promise<Broadcast[]>
  broadcast(site: string, id: string): Promise<Broadcast>
  makeBroadcast(site: string, content: BroadcastContent): Promise<Broadcast>
  changeBroadcast(site: string, id: string, version: number, content: BroadcastContent): Promise<Broadcast>
  deleteBroadcast(site: string, id: string, version: number): Promise<void>
  publishBroadcast(site: string, id: string, version: number): Promise<Broadcast>
  scheduleBroadcast(site: string, id: string, version: number, at: number): Promise<Broadcast>
  /** Takes it back; a scheduled one is a draft again. */
  withdrawBroadcast(site: string, id: string, version: number): Promise<Broadcast>
  countBroadcast(site: string, of: Counted): Promise<BroadcastCount>
}
