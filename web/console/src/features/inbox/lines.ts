import type { CameBroadcast, Conversation, LogEvent, Unsent } from '../../backend/types.ts'
import { daysBetween } from '@words/time.ts'

/** One line of the log as it is drawn. */
export type Line =
  | { type: 'day'; key: string; at: number }
  | { type: 'new'; key: string }
  | { type: 'system'; key: string; event: LogEvent }
  | { type: 'note'; key: string; event: LogEvent; unsent?: Unsent }
  | { type: 'bubble'; key: string; side: 'theirs' | 'mine' | 'agent'; first: boolean; last: boolean; mark: Mark; event: LogEvent; unsent?: Unsent; answers?: CameBroadcast | 'gone' }
  | { type: 'word'; key: string; one: CameBroadcast }
  /** What was older is no longer kept. */
  | { type: 'removed'; key: string }
  /** What follows was taken along from another conversation. */
  | { type: 'origin'; key: string; c: string }
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
  a.kind === 'message' && b.kind === 'message' && a.by.kind === b.by.kind && a.by.id === b.by.id && a.via?.id === b.via?.id &&
  a.origin?.c === b.origin?.c && b.at - a.at < turnGap

/** What one line is made of, in its order. */
type Entry = { at: number; event: LogEvent; unsent: Unsent | undefined } | { at: number; one: CameBroadcast }

/** The log, with each broadcast before the first event that is newer; those older than what is loaded wait for it. */
function entriesOf({ events, more, unsent, broadcasts = [] }: Conversation, me: string): Entry[] {
  const since = more ? events[0]?.at ?? Infinity : -Infinity
  const words = broadcasts.filter(({ at }) => at >= since).sort((a, b) => a.at - b.at || a.n - b.n)
  const entries: Entry[] = []
  for (const event of events) {
    while (words[0] && words[0].at < event.at) entries.push(entryOf(words.shift() as CameBroadcast))
    if (isShown(event)) entries.push({ at: event.at, event, unsent: undefined })
  }
  return [...entries, ...words.map(entryOf), ...unsent.map(item => ({ at: item.at, event: asEvent(item, me), unsent: item }))]
}
const entryOf = (one: CameBroadcast): Entry => ({ at: one.at, one })

function bubbleOf(conversation: Conversation, me: string, { event, unsent }: { event: LogEvent; unsent: Unsent | undefined }, first: boolean, last: boolean) {
  const { broadcast } = event
  const answers = broadcast && !event.erased ? conversation.broadcasts?.find(({ id }) => id === broadcast) ?? ('gone' as const) : undefined
  return {
    type: 'bubble' as const, side: sideOf(event, me), first, last: last || unsent?.state === 'failed', mark: markOf(event, conversation, unsent), event,
    ...(unsent && { unsent }), ...(answers && { answers }),
  }
}

const keyOf = (event: LogEvent, unsent: Unsent | undefined) => (unsent ? `u${unsent.id}` : event.id ? `u${event.id}` : `n${event.n}`)

const originOf = (entry: Entry | undefined) => (entry && 'event' in entry ? entry.event.origin?.c : undefined)

/** Whether a bubble is the last of its turn, seen from what comes after it. */
function endsTurn(event: LogEvent, unsent: Unsent | undefined, next: Entry | undefined): boolean {
  if (!next || 'one' in next) return true
  return !sameTurn(event, next.event) || next.unsent?.state !== unsent?.state || daysBetween(event.at, next.event.at) !== 0
}

/**
 * The lines of a conversation: days, system lines, notes, broadcasts that came to the visitor, and bubbles grouped by turn;
 * what is unsent stands at the end. `newAfter` is the number of the last event that had been read when it was opened; 0 for no line.
 */
export function linesOf(conversation: Conversation, me: string, newAfter = 0): Line[] {
  const entries = entriesOf(conversation, me)
  const lines: Line[] = conversation.removed ? [{ type: 'removed', key: 'removed' }] : []
  let before: Entry | undefined
  let marked = newAfter === 0
  for (const [index, entry] of entries.entries()) {
    const newDay = !before || daysBetween(before.at, entry.at) !== 0
    if ('one' in entry) {
      if (newDay) lines.push({ type: 'day', key: `db${entry.one.id}`, at: entry.at })
      lines.push({ type: 'word', key: `b${entry.one.id}`, one: entry.one })
      before = entry
      continue
    }
    const { event, unsent } = entry
    if (newDay) lines.push({ type: 'day', key: `d${event.n || unsent?.id}`, at: event.at })
    const newHere = !marked && event.n > newAfter && event.by.kind === 'visitor'
    if (newHere) {
      marked = true
      lines.push({ type: 'new', key: 'new' })
    }
    const from = event.origin?.c
    if (from && from !== originOf(before)) lines.push({ type: 'origin', key: `o${event.n}`, c: from })
    const key = keyOf(event, unsent)
    if (event.kind === 'note') lines.push({ type: 'note', key, event, ...(unsent && { unsent }) })
    else if (event.kind !== 'message') lines.push({ type: 'system', key, event })
    else {
      const first = newDay || newHere || !before || 'one' in before || !sameTurn(before.event, event)
      lines.push({ key, ...bubbleOf(conversation, me, entry, first, endsTurn(event, unsent, entries[index + 1])) })
    }
    before = entry
  }
  if (conversation.typing.some(person => person.kind === 'visitor')) lines.push({ type: 'typing', key: 'typing' })
  return lines
}
