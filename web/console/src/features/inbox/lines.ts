import type { Conversation, LogEvent, Unsent } from '../../backend/types.ts'
import { daysBetween } from '@words/time.ts'

/** One line of the log as it is drawn. */
export type Line =
  | { type: 'day'; key: string; at: number }
  | { type: 'new'; key: string }
  | { type: 'system'; key: string; event: LogEvent }
  | { type: 'note'; key: string; event: LogEvent; unsent?: Unsent }
  | { type: 'bubble'; key: string; side: 'theirs' | 'mine' | 'agent'; first: boolean; last: boolean; mark: Mark; event: LogEvent; unsent?: Unsent }
  | { type: 'typing'; key: string }

export type Mark = 'none' | 'sent' | 'delivered' | 'read' | 'waiting' | 'sending' | 'failed'

const turnGap = 5 * 60_000 // a longer silence begins a new turn, ms

/** Edits and recalls are seen in what they changed, not as lines of their own. */
const silent = new Set(['edit', 'recall'])
/** A visitor's first message needs no line that says so; a new round after others does. */
const isShown = (event: LogEvent) => !silent.has(event.kind) && !(event.kind === 'opened' && (event.round?.number ?? 1) === 1)

function asEvent(item: Unsent, me: string): LogEvent {
  return { n: 0, tag: 0, v: 1, kind: item.kind, at: item.at, by: { kind: 'agent', id: me }, id: item.id, text: item.text, ...(item.files && { files: [...item.files] }) }
}

function sideOf(event: LogEvent, me: string): 'theirs' | 'mine' | 'agent' {
  if (event.by.kind === 'visitor') return 'theirs'
  return event.by.kind === 'agent' && event.by.id === me ? 'mine' : 'agent'
}

function markOf(event: LogEvent, conversation: Conversation, unsent?: Unsent): Mark {
  if (unsent) return unsent.state
  if (event.by.kind === 'visitor') return 'none'
  if (event.n <= conversation.theirs.read) return 'read'
  return event.n <= conversation.theirs.received ? 'delivered' : 'sent'
}

const sameTurn = (a: LogEvent, b: LogEvent) =>
  a.kind === 'message' && b.kind === 'message' && a.by.kind === b.by.kind && a.by.id === b.by.id && b.at - a.at < turnGap

/**
 * The lines of a conversation: days, system lines, notes, and bubbles grouped by turn; what is unsent stands at the end.
 * `newAfter` is the number of the last event that had been read when it was opened; 0 for no line.
 */
export function linesOf(conversation: Conversation, me: string, newAfter = 0): Line[] {
  const entries = [
    ...conversation.events.filter(isShown).map(event => ({ event, unsent: undefined as Unsent | undefined })),
    ...conversation.unsent.map(unsent => ({ event: asEvent(unsent, me), unsent })),
  ]
  const lines: Line[] = []
  let before: { event: LogEvent; unsent: Unsent | undefined } | undefined
  let marked = newAfter === 0
  for (const [index, { event, unsent }] of entries.entries()) {
    const key = unsent ? `u${unsent.id}` : event.id ? `u${event.id}` : `n${event.n}`
    const newDay = !before || daysBetween(before.event.at, event.at) !== 0
    if (newDay) lines.push({ type: 'day', key: `d${event.n || unsent?.id}`, at: event.at })
    const newHere = !marked && event.n > newAfter && event.by.kind === 'visitor'
    if (newHere) {
      marked = true
      lines.push({ type: 'new', key: 'new' })
    }
    const extra = unsent ? { unsent } : {}
    if (event.kind === 'note') lines.push({ type: 'note', key, event, ...extra })
    else if (event.kind !== 'message') lines.push({ type: 'system', key, event })
    else {
      const next = entries[index + 1]
      const last = !next || !sameTurn(event, next.event) || next.unsent?.state !== unsent?.state || daysBetween(event.at, next.event.at) !== 0
      const first = newDay || newHere || !before || !sameTurn(before.event, event)
      lines.push({
        type: 'bubble', key, side: sideOf(event, me), first, last: last || unsent?.state === 'failed',
        mark: markOf(event, conversation, unsent), event, ...extra,
      })
    }
    before = { event, unsent }
  }
  if (conversation.typing.some(person => person.kind === 'visitor')) lines.push({ type: 'typing', key: 'typing' })
  return lines
}
