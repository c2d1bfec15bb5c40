import { type ComponentChildren } from 'preact'
import { type Event, type Marks, type OutboxFile, type OutboxItem } from '@client/index.ts'
import { daysBetween } from '@words/time.ts'

export type Mark = 'sending' | 'waits' | 'sent' | 'delivered' | 'read'

export interface Bubble {
  /** Stays the same when the outbox item becomes an event. */
  key: string
  text: string
  files: readonly OutboxFile[] | undefined
  edited: boolean
  /** The id of the broadcast that it answers, and what of that is shown. */
  broadcast: string | undefined
  quote?: ComponentChildren
}

export type Line =
  | { kind: 'day'; key: string; at: number }
  | { kind: 'turn'; key: string; mine: boolean; name: string; who: string; at: number; bubbles: Bubble[]; mark?: Mark }
  | { kind: 'failed'; key: string; item: OutboxItem }
  | { kind: 'joined'; key: string; name: string }
  | { kind: 'resolved' | 'recalled'; key: string }
  | { kind: 'other'; key: string; text: string }
  | { kind: 'word'; key: string; what: ComponentChildren }

/** The lines, where no turn goes on over one of these moments. */
export type Lines = (cuts: readonly number[]) => readonly Line[]

/** A pause this long, in ms, ends a turn. */
const pause = 5 * 60_000

/** The lines of the conversation: the log, then what is on its way. */
export function linesOf(events: readonly Event[], outbox: readonly OutboxItem[], theirs: Marks, live: boolean, cuts: readonly number[] = []): Line[] {
  const lines: Line[] = []
  let last = 0
  const day = (at: number) => {
    if (!last || daysBetween(last, at) !== 0) lines.push({ kind: 'day', key: `day ${at}`, at })
    last = at
  }
  const known = new Set<string>()
  for (const event of events) {
    if (event.id) known.add(event.id)
    const line = lineOf(event, theirs)
    if (!line) continue
    day(event.at)
    join(lines, line, cuts)
  }
  for (const item of outbox) {
    if (known.has(item.id)) continue
    day(item.at)
    if (item.state === 'failed') lines.push({ kind: 'failed', key: item.id, item })
    else join(lines, turn(item.id, true, '', '', item.at, item, false, markOf(item, live)), cuts)
  }
  return lines
}

type Turn = Extract<Line, { kind: 'turn' }>

function turn(key: string, mine: boolean, name: string, who: string, at: number, { text = '', files, broadcast }: Pick<Event, 'text' | 'files' | 'broadcast'> | OutboxItem, edited: boolean, mark?: Mark): Turn {
  return { kind: 'turn', key: `turn ${key}`, mine, name, who, at, bubbles: [{ key, text, files, edited, broadcast }], ...(mark && { mark }) }
}

function lineOf(event: Event, theirs: Marks): Line | undefined {
  const key = event.id ?? String(event.n)
  const { name = '', id = '' } = event.by
  switch (event.kind) {
    case 'message': {
      if (event.erased) return { kind: 'recalled', key }
      const mine = event.by.kind === 'visitor'
      const mark = event.n <= theirs.read ? 'read' : event.n <= theirs.received ? 'delivered' : 'sent'
      return turn(key, mine, name, id, event.at, event, (event.rev ?? 0) > 0, mine ? mark : undefined)
    }
    case 'assigned':
      return { kind: 'joined', key, name: event.round?.agent?.name ?? name }
    case 'resolved':
      return { kind: 'resolved', key }
    case 'edit':
    case 'recall':
    case 'opened':
    case 'reopened':
    case 'released':
    case 'returned':
    case 'note':
      return undefined
  }
  return event.fallback ? { kind: 'other', key, text: event.fallback } : undefined
}

const markOf = (item: OutboxItem, live: boolean): Mark => (item.state === 'sent' ? 'sent' : live ? 'sending' : 'waits')

/** Adds a line, or its bubble to the turn before it, whose time and mark are those of its last bubble. */
function join(lines: Line[], line: Line, cuts: readonly number[]): void {
  const before = lines.at(-1)
  const same = before?.kind === 'turn' && line.kind === 'turn' && before.mine === line.mine && before.who === line.who && line.at - before.at < pause
  if (!same || cuts.some(at => before.at <= at && at < line.at)) return void lines.push(line)
  before.bubbles.push(...line.bubbles)
  before.at = line.at
  if (line.mark) before.mark = line.mark
}
