/** What a visitor's client tells of itself. */
import type { VisitorClient } from './visitor.ts'
import type { Broadcast, ConversationInfo, Limits, Presence, Site } from './wire.ts'

/** Where things stand, apart from the log and the outbox. */
export interface VisitorState {
  /** Undefined until the first hello. */
  readonly site?: Site
  readonly limits?: Limits
  /** Undefined until the first message is kept. */
  readonly conversation?: ConversationInfo
  /** online, away or offline: whether any agent is here. */
  readonly agentsHere: Presence
  /** The agents' messages that this visitor has not read. */
  readonly unread: number
}

interface Acts {
  /** The visitor has seen them up to this one. */
  read: (client: VisitorClient, n: number) => void
  /** The visitor wants no more of them, or wants them again. */
  want: (client: VisitorClient, on: boolean) => void
  /** The next message answers this one. */
  answer: (client: VisitorClient, id: string | undefined) => void
  /** The visitor has put this card away, for good in this browser. */
  close: (client: VisitorClient, id: string) => void
}

export interface BroadcastsState {
  /** Those to show, oldest first. */
  readonly list: readonly Broadcast[]
  /** The ids of the cards that were put away. */
  readonly closed: readonly string[]
  /** The visitor wants no more of them. */
  readonly off: boolean
  /** The id of the one that the next message answers. */
  readonly answers?: string | undefined
  /** What may be done about them, brought by broadcasts.ts. */
  readonly acts: Acts
}
