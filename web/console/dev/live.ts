import type { Live } from '../src/backend/live.ts'
import type { Conversation, LogEvent, Row } from '../src/backend/types.ts'
import { useInbox } from '../src/features/inbox/store.ts'
import { useVisitors } from '../src/features/visitors/store.ts'
import { lang } from '../src/ui/language.ts'
import { agents, eventsOf, me, rowsOf, sites, visitorsOf } from './people.ts'

/** A live connection that answers from made-up data. `fill` puts the first snapshot into the stores. */
export function makeFixtureLive(state: string): Live & { fill: () => void } {
  const now = Date.now()
  const zh = lang.value === 'zh-CN'
  const change = (c: string, edit: (row: Row) => Partial<Row>) => {
    const row = useInbox().rows.get(c)
    if (row) useInbox().put({ ...row, ...edit(row), v: row.v + 1 })
  }
  const append = (c: string, event: Partial<LogEvent>) => {
    const n = (useInbox().conversations.get(c)?.events.at(-1)?.n ?? 0) + 1
    useInbox().addEvents(c, [{ n, kind: 'message', at: Date.now(), by: { kind: 'agent', ...me }, ...event } as LogEvent])
  }

  function open(c: string): void {
    const inbox = useInbox()
    const row = inbox.rows.get(c)
    if (!row || state === 'loading') return
    const conversation: Conversation = {
      row, events: eventsOf(row, now, zh, state === 'long' ? 2000 : 0), more: false, theirs: { received: 12, read: 9 }, looking: agents(zh).slice(1, 2),
      rounds: [{ number: 1, opened_at: now - 80 * 86_400_000, resolved_at: now - 79 * 86_400_000, n: 1, agent: { id: '2', name: zh ? '陈昊' : 'Chen Hao' } }],
      typing: c === 'hannah' ? [{ kind: 'visitor' }] : [],
      unsent: c === 'hannah' ? [{ id: 'u1', kind: 'message', at: now - 20_000, state: 'failed', code: 'connection', text: zh ? '是的，今天下午五点发货，周三应该能到。' : 'Yes. It leaves us at 17:00 and should reach you on Wednesday.' }] : [],
    }
    inbox.conversations.set(c, conversation)
  }

  return {
    fill() {
      const inbox = useInbox()
      const visitors = useVisitors()
      inbox.me = { ...me, name: zh ? '林晓' : 'Lin Xiao', presence: 'online' }
      inbox.sites = sites(zh)
      inbox.agents = agents(zh)
      inbox.connection = state === 'lost' ? { state: 'lost', retry_at: now + 4000, as_of: now - 60_000 } : { state: 'live' }
      if (state === 'loading') return
      const rows = state === 'empty' ? [] : rowsOf(now, zh)
      for (const row of rows) inbox.put(row)
      inbox.counts = state === 'empty' ? { waiting: 0, mine: 0, open: 0, visitors: 38 } : { waiting: 2, mine: 8, open: rows.length, visitors: 38 }
      inbox.loaded = { waiting: true, mine: true, open: true }
      if (state !== 'lost') inbox.setTyping('hannah', true)
      visitors.snapshot(visitorsOf(rows, now, zh), 38)
    },
    watch() { /* everything is loaded */ },
    more() { /* there is no more */ },
    open,
    close(c) { useInbox().conversations.delete(c) },
    older() { /* there is no more */ },
    send: (c, text) => { append(c, { text }) },
    note: (c, text) => { append(c, { kind: 'note', private: true, text }) },
    resend: (c, id) => {
      const item = useInbox().conversations.get(c)?.unsent.find(one => one.id === id)
      if (item) append(c, { text: item.text, id })
    },
    discard: (c, id) => { useInbox().setUnsent(c, (useInbox().conversations.get(c)?.unsent ?? []).filter(one => one.id !== id)) },
    take: c => { change(c, row => ({ round: { ...row.round, state: 'assigned', agent: me } })) },
    assign: (c, id) => { change(c, row => ({ round: { ...row.round, state: 'assigned', agent: agents(zh).find(agent => agent.id === id) ?? me } })) },
    release: c => { change(c, row => ({ round: { number: row.round.number, state: 'waiting', waiting_since: Date.now() } })) },
    resolve: c => { change(c, row => ({ round: { number: row.round.number, state: 'resolved' } })) },
    read: c => { change(c, () => ({ unread: 0 })) },
    typing() { /* nobody to tell */ },
    presence(presence) { useInbox().me.presence = presence },
    watchVisitors() { /* they are loaded */ },
    reconnect() { useInbox().connection = { state: 'live' } },
  }
}
