import type { Download } from '@client/download.ts'

/** The shapes of docs/openapi.json about visitors. Times are UTC milliseconds, sizes are bytes. */

/** What somebody said of a visitor. */
export interface SaidOf {
  name?: string
  email?: string
  fields?: Record<string, string>
}

/** A visitor, with what is said of it by whom. */
export interface KnownVisitor {
  id: string
  created_at: number
  says: SaidOf
  /** What application servers told: the last of it at this time by this API key. */
  told?: SaidOf & { by: { kind: string; id?: string; name?: string }; at: number }
}

/** The receipt of an erasure, which names nobody. */
export interface Erasure {
  id: string
  at: number
  /** How much went. */
  removed: {
    rounds: number
    events: number
    /** Earlier texts of messages that were edited. */
    revisions: number
    files: number
    bytes: number
    /** Lists of broadcasts that named the visitor. */
    lists: number
    /** Names in the legacy chat room. */
    names: number
    log_ins: number
    /** Events of which webhooks were still to be told. */
    outgoing: number
  }
}

export interface ExportWish {
  /** With what agents wrote for one another. */
  notes: boolean
  /** Of the readable page's own words. */
  language: 'en' | 'zh-CN'
}

/** The part of /api/v1 about single visitors. Every call may throw Refused. */
export interface VisitorRest {
  /** For everybody on the site. */
  visitor(site: string, id: string): Promise<KnownVisitor>
  /** For admins. Once more gives the same receipt. */
  eraseVisitor(site: string, id: string): Promise<Erasure>
  /** For admins: all that there is, as a ZIP archive. `came` is told how many bytes are here. */
  exportVisitor(site: string, id: string, wish: ExportWish, came: (bytes: number) => void, signal: AbortSignal): Promise<Download>
}
