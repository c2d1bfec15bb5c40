import { computed, ref, shallowReactive, shallowRef } from 'vue'
import { defineStore } from 'pinia'
import type { AgentInfo, Connection, Conversation, Counts, Limits, ListState, OutboxFile, Presence, Row, Site, Upload, View } from '../../backend/types.ts'
import { ordered } from './order.ts'

const unknown: ListState = { rows: [], more: false, known: false }
const nobody = () => ({ id: '', name: '', presence: 'online' as Presence })
const none = (): Counts => ({ waiting: 0, mine: 0, open: 0, visitors: 0 })

/**
 * The day's work: who this agent is, the lists, and the conversations that are open on this screen.
 * The connection writes it; components read it, and act through `useLive`.
 */
export const useInbox = defineStore('inbox', () => {
  const me = ref(nobody())
  const sites = shallowRef<readonly Site[]>([])
  const agents = shallowRef<readonly AgentInfo[]>([])
  const connection = ref<Connection>({ state: 'connecting' })
  const limits = ref<Limits>({ text_code_points: 20_000 })
  const counts = shallowRef<Counts>(none())
  /** The views as the connection keeps them. */
  const held = shallowReactive<Record<View, ListState>>({ waiting: unknown, mine: unknown, open: unknown, resolved: unknown })
  const view = ref<View>('mine')
  /** Whether a view was chosen yet, by hand or by where there is work. */
  const chosen = ref(false)
  const open = ref<string | null>(null)
  const conversations = shallowReactive(new Map<string, Conversation>())
  /** Asked for, but absent or not this agent's to see. */
  const absent = shallowReactive(new Set<string>())
  /** Their visitors were erased: when this was heard, UTC ms. */
  const gone = shallowReactive(new Map<string, number>())
  /** Whom this screen asked to erase, by conversation. */
  const erasedHere = new Set<string>()
  /** The conversations with something that could not be sent. */
  const failed = shallowRef<ReadonlySet<string>>(new Set())
  /** The files that are on their way from this page. */
  const uploads = shallowRef<readonly Upload[]>([])
  /** The pictures that are looked at, above everything. */
  const gallery = shallowRef<{ files: readonly OutboxFile[]; at: number; from: HTMLElement } | null>(null)
  /** What became this agent's by somebody else's doing, and was not opened since. */
  const handed = shallowRef<ReadonlySet<string>>(new Set())
  /** What this screen asked to have: when it comes it is no news. */
  const own = new Set<string>()

  const current = computed(() => (open.value ? conversations.get(open.value) ?? null : null))
  const siteOf = (id: string) => sites.value.find(site => site.id === id)
  const listOf = (which: View) => computed(() => ordered(held[which].rows, which))
  const [waiting, mine, all, resolved] = [listOf('waiting'), listOf('mine'), listOf('open'), listOf('resolved')]
  const lists = computed<Record<View, Row[]>>(() => ({ waiting: waiting.value, mine: mine.value, open: all.value, resolved: resolved.value }))

  /** Every row that is known, of all views, in its newest version. */
  const rows = computed(() => {
    const found = new Map<string, Row>()
    for (const list of Object.values(held)) {
      for (const row of list.rows) if ((found.get(row.c)?.v ?? -1) <= row.v) found.set(row.c, row)
    }
    return found
  })

  /** Where a visitor writes right now, as far as this screen is told. */
  const typing = computed(() => new Set([...conversations].flatMap(([c, one]) => (one.typing.some(who => who.kind === 'visitor') ? [c] : []))))

  /** Nobody is logged in: nothing of the last agent stays. */
  function reset(): void {
    me.value = nobody()
    sites.value = []
    agents.value = []
    connection.value = { state: 'connecting' }
    counts.value = none()
    for (const which of Object.keys(held) as View[]) held[which] = unknown
    chosen.value = false
    conversations.clear()
    absent.clear()
    gone.clear()
    erasedHere.clear()
    failed.value = new Set()
    uploads.value = []
    gallery.value = null
    handed.value = new Set()
    own.clear()
  }

  return {
    me, sites, agents, connection, limits, counts, held, view, chosen, open, conversations, absent, gone, erasedHere, failed, uploads, gallery, handed, own,
    current, lists, rows, typing, siteOf, reset,
  }
})
