import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import type {
  AgentInfo, Connection, Conversation, Counts, Limits, LogEvent, Presence, Row, Site, Unsent, View,
} from '../../backend/types.ts'
import { inView, ordered } from './order.ts'

/**
 * The day's work: who this agent is, the lists, and the conversations that are open on this screen.
 * The connection writes it; components read it, and act through `useLive`.
 */
export const useInbox = defineStore('inbox', () => {
  const me = ref({ id: '', name: '', presence: 'online' as Presence })
  const sites = ref<Site[]>([])
  const agents = ref<AgentInfo[]>([])
  const connection = ref<Connection>({ state: 'connecting' })
  const limits = ref<Limits>({ text_code_points: 20_000 })
  const counts = ref<Counts>({ waiting: 0, mine: 0, open: 0, visitors: 0 })
  const rows = ref(new Map<string, Row>())
  const loaded = ref<Record<View, boolean>>({ waiting: false, mine: false, open: false })
  const more = ref<Record<View, boolean>>({ waiting: false, mine: false, open: false })
  const typing = ref(new Set<string>())
  const view = ref<View>('mine')
  const open = ref<string | null>(null)
  const conversations = ref(new Map<string, Conversation>())

  const current = computed(() => (open.value ? conversations.value.get(open.value) ?? null : null))
  const siteOf = (id: string) => sites.value.find(site => site.id === id)
  const lists = computed(() => {
    const all = [...rows.value.values()]
    const list = (which: View) => ordered(all.filter(row => inView(row, which, me.value.id)), which)
    return { waiting: list('waiting'), mine: list('mine'), open: list('open') } satisfies Record<View, Row[]>
  })

  /** Puts a row in, unless a newer one is there; an open conversation follows its row. */
  function put(row: Row): void {
    const known = rows.value.get(row.c)
    if (known && known.v > row.v) return
    rows.value.set(row.c, row)
    const conversation = conversations.value.get(row.c)
    if (conversation && conversation.row.v <= row.v) conversation.row = row
  }

  /** A snapshot of a view: rows of that view which are not in it are gone. */
  function snapshot(which: View, snapshotRows: Row[], hasMore: boolean): void {
    const keep = new Set(snapshotRows.map(row => row.c))
    for (const row of lists.value[which]) if (!keep.has(row.c)) rows.value.delete(row.c)
    for (const row of snapshotRows) put(row)
    loaded.value[which] = true
    more.value[which] = hasMore
  }

  function drop(c: string): void {
    rows.value.delete(c)
  }

  /** Adds events by number; repeats are ignored, an unsent text that has arrived leaves the outbox. */
  function addEvents(c: string, events: LogEvent[]): void {
    const conversation = conversations.value.get(c)
    if (!conversation) return
    const known = new Set(conversation.events.map(event => event.n))
    const fresh = events.filter(event => !known.has(event.n))
    if (fresh.length > 0) {
      conversation.events = [...conversation.events, ...fresh].sort((a, b) => a.n - b.n)
    }
    const kept = new Set(events.map(event => event.id).filter(Boolean))
    conversation.unsent = conversation.unsent.filter(item => !kept.has(item.id))
  }

  /** What this agent has written and nobody has acked yet, in order. */
  function setUnsent(c: string, unsent: Unsent[]): void {
    const conversation = conversations.value.get(c)
    if (conversation) conversation.unsent = unsent
  }

  function setTyping(c: string, on: boolean): void {
    if (on) typing.value.add(c)
    else typing.value.delete(c)
  }

  return {
    me, sites, agents, connection, limits, counts, rows, loaded, more, typing, view, open, conversations,
    current, lists, siteOf, put, snapshot, drop, addEvents, setUnsent, setTyping,
  }
})
