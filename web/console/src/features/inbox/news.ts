import { watch } from 'vue'
import type { Row } from '../../backend/types.ts'
import { useWords } from '../../ui/language.ts'
import { show, toast } from '../../ui/toasts.ts'
import { chime, notifyDesktop } from './alerts.ts'
import { useFileWords } from './files/words.ts'
import { useNaming } from './naming.ts'
import { useInbox } from './store.ts'
import { inboxWords } from './words.ts'

interface Seen {
  state: string
  unread: number
  owner: string | undefined
}

/** Whether a round became this agent's: somebody handed it over, or a supervisor gave it. */
export function isHanded(before: Seen | undefined, now: Seen, me: string): boolean {
  if (now.state !== 'assigned' || now.owner !== me || !before || before.owner === me) return false
  return before.state === 'assigned' || before.state === 'waiting'
}

/** Whether a change of a row is news for this agent: somebody waits now, somebody wrote in a round of mine, or a round became mine. */
export function isNews(before: Seen | undefined, now: Seen, me: string): boolean {
  if (now.state === 'waiting') return before?.state !== 'waiting'
  if (now.state !== 'assigned' || now.owner !== me) return false
  return isHanded(before, now, me) || now.unread > (before?.unread ?? 0)
}

function seenOf(row: Row): Seen {
  return { state: row.round.state, unread: row.unread, owner: row.round.agent?.id }
}

interface Change {
  row: Row
  before: Seen | undefined
  now: Seen
}

const atOnce = 3 // notifications, when much came while the connection was away

/** Sounds and notifies as rows change; the first lists after a start are no news, and what is looked at is none. */
export function alertOnNews(open: (c: string) => void): void {
  const inbox = useInbox()
  const t = useWords(inboxWords)
  const naming = useNaming()
  const { said } = useFileWords()
  let seen = new Map<string, Seen>()
  let told: { id: number; c: string } | null = null // the last toast of ours, and where it leads
  let ready = false // all lists were here when they were last looked at
  watch(() => [inbox.rows, inbox.held.waiting.known && inbox.held.mine.known && inbox.held.open.known] as const, ([rows, known]) => {
    const looked = document.hasFocus() ? inbox.open : null
    const all = [...rows.values()].map(row => ({ row, before: seen.get(row.c), now: seenOf(row) }))
    // Taken on this screen, or by the same agent on another one while this one looks on.
    const byMe = (c: string) => inbox.conversations.get(c)?.events.filter(event => event.kind === 'assigned').at(-1)?.by.id === inbox.me.id
    const asked = ({ row, before, now }: Change) => isHanded(before, now, inbox.me.id) && (inbox.own.has(row.c) || byMe(row.c))
    const news = ready ? all.filter(one => one.row.c !== looked && !asked(one) && isNews(one.before, one.now, inbox.me.id)) : []
    for (const { row, before, now } of all) if (before?.owner !== now.owner) inbox.own.delete(row.c)
    seen = new Map(all.map(({ row, now }) => [row.c, now]))
    ready = known
    if (news.length === 0) return
    const handed = news.filter(one => isHanded(one.before, one.now, inbox.me.id)).map(one => one.row)
    chime()
    for (const { row } of news.slice(0, atOnce)) {
      notifyDesktop(naming(row.visitor), handed.includes(row) ? t('handedToYou') : row.last?.text || said(row.last?.files), row.c, () => { open(row.c) })
    }
    tell(handed)
  }, { immediate: true })
  // What is opened, or is no longer mine, needs no mark, and no toast.
  watch(() => [inbox.open, inbox.rows] as const, ([c, rows]) => {
    if (told && toast.value?.id === told.id && told.c === c) toast.value = null
    const kept = [...inbox.handed].filter(one => one !== c && rows.get(one)?.round.agent?.id === inbox.me.id)
    if (kept.length < inbox.handed.size) inbox.handed = new Set(kept)
  })

  function tell(rows: readonly Row[]): void {
    const [first] = rows
    if (!first) return
    inbox.handed = new Set([...inbox.handed, ...rows.map(row => row.c).filter(c => c !== inbox.open)])
    const text = rows.length > 1 ? t('nowYoursMany', { n: rows.length }) : t('nowYours', { name: naming(first.visitor) })
    show(text, { label: t('openIt'), run: () => { open(first.c) } })
    told = toast.value && { id: toast.value.id, c: first.c }
  }
}
