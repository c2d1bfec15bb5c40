import { watch } from 'vue'
import type { Row } from '../../backend/types.ts'
import { lang } from '../../ui/language.ts'
import { nameOf } from '../../ui/people.ts'
import { chime, notifyDesktop } from './alerts.ts'
import { useInbox } from './store.ts'

interface Seen {
  state: string
  unread: number
  owner: string | undefined
}

/** Whether a change of a row is news for this agent: somebody waits now, somebody wrote in a round of mine, or a round was handed to me. */
export function isNews(before: Seen | undefined, now: Seen, me: string): boolean {
  if (now.state === 'waiting') return before?.state !== 'waiting'
  if (now.state !== 'assigned' || now.owner !== me) return false
  if (before && before.owner !== me && before.state === 'assigned') return true
  return now.unread > (before?.unread ?? 0)
}

function seenOf(row: Row): Seen {
  return { state: row.round.state, unread: row.unread, owner: row.round.agent?.id }
}

const atOnce = 3 // notifications, when much came while the connection was away

/** Sounds and notifies as rows change; the first lists after a start are no news, and what is looked at is none. */
export function alertOnNews(open: (c: string) => void): void {
  const inbox = useInbox()
  let seen = new Map<string, Seen>()
  let ready = false // all lists were here when they were last looked at
  watch(() => [inbox.rows, inbox.held.waiting.known && inbox.held.mine.known && inbox.held.open.known] as const, ([rows, known]) => {
    const looked = document.hasFocus() ? inbox.open : null
    const news = ready ? [...rows.values()].filter(row => row.c !== looked && isNews(seen.get(row.c), seenOf(row), inbox.me.id)) : []
    seen = new Map([...rows.values()].map(row => [row.c, seenOf(row)]))
    ready = known
    if (news.length === 0) return
    chime()
    for (const row of news.slice(0, atOnce)) notifyDesktop(nameOf(row.visitor, lang.value), row.last?.text ?? '', row.c, () => { open(row.c) })
  }, { immediate: true })
}
