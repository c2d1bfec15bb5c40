import { browserWorld, closeCodes, comesBack, type AgentClient, type ConnectionState, type OpenConversation, type OutboxFile, type OutboxItem, type Readable, type Refused, type SendProblem } from '@client/index.ts'
import type { Uploads } from '@client/files/uploads.ts'
import { insist } from '@client/world.ts'
import { watch } from 'vue'
import { forgetDraft } from '../features/inbox/drafts.ts'
import { useInbox } from '../features/inbox/store.ts'
import { useVisitors } from '../features/visitors/store.ts'
import { preferences } from '../ui/preferences.ts'
import type { Live } from './live.ts'
import type { Me } from './rest.ts'
import type { Conversation, Connection, Presence, Role, Unsent, View } from './types.ts'

type Copy = Pick<OpenConversation, 'state' | 'log' | 'typists'>

/** The part of AgentClient that the console uses, so that tests bring their own. */
export type Client = Omit<Pick<AgentClient, keyof AgentClient>, 'open' | 'conversation' | 'edit' | 'recall' | 'sending'> & Partial<Pick<AgentClient, 'sending'>> & { open(c: string): Copy; conversation(c: string): Copy }

export interface AgentLiveOptions {
  connect: (me: Me) => Client
  /** Keeps the client in step with the page: hidden, frozen, woken up. Returns how to stop. */
  followPage: (client: Pick<Client, 'start' | 'rest' | 'wake' | 'say'>) => () => void
  /** The log-in of this agent has ended. */
  ended: () => void
  /** A new connection after the first: rights and names may have changed. */
  reconnected: () => void
  /** A command was refused. */
  refused: (why: Refused) => void
  now: () => number
}

const wish = (): Presence => (preferences.value.away ? 'away' : 'online')
/** What an agent must hear of wherever it is: who waits, and who writes in its rounds. */
const always: readonly View[] = ['waiting', 'mine', 'open']

/** The live connection: AgentClient on one side, the stores on the other. */
export class AgentLive implements Live {
  private client: Client | undefined
  private stops: (() => void)[] = []
  private readonly opened = new Map<string, () => void>()
  private readonly stale = new Set<string>()
  private page: Presence = 'online'
  private coming: Promise<Uploads | undefined> | undefined
  private uploads: Uploads | undefined

  constructor(private readonly options: AgentLiveOptions) {}

  enter(me: Me): void {
    this.leave(false)
    const client = this.options.connect(me)
    const inbox = useInbox()
    this.client = client
    inbox.me = { id: me.id, name: me.name, presence: wish() }
    inbox.sites = me.sites
    this.follow(client.connection, state => this.connection(state))
    this.follow(client.hello, hello => {
      if (!hello) return
      inbox.me = { ...inbox.me, name: hello.you.name ?? inbox.me.name }
      inbox.sites = hello.sites.map(site => ({ ...site, role: (site.role ?? 'agent') as Role }))
      inbox.limits = hello.limits
    })
    this.follow(client.agents, agents => (inbox.agents = agents))
    this.follow(client.counts, counts => (inbox.counts = counts))
    this.follow(client.outbox, items => this.outbox(items))
    this.follow(client.visitors, visitors => (useVisitors().state = visitors))
    for (const view of ['waiting', 'mine', 'open', 'resolved'] as const) {
      this.follow(client.list(view), list => (inbox.held[view] = list))
    }
    for (const view of always) client.watch(view)
    this.stops.push(watch(wish, presence => {
      inbox.me = { ...inbox.me, presence }
      this.say()
    }, { flush: 'sync' }))
    this.stops.push(this.options.followPage({
      start: () => client.start(),
      rest: () => client.rest(),
      wake: () => client.wake(),
      say: presence => {
        this.page = presence
        this.say()
      },
    }))
    this.say()
    client.start()
  }

  leave(forget: boolean): void {
    const { client } = this
    if (!client) return
    for (const c of [...this.opened.keys()]) this.close(c)
    for (const stop of this.stops.splice(0)) stop()
    this.client = undefined
    this.coming = undefined
    if (forget) for (const { key } of this.uploads?.state.get() ?? []) this.uploads?.cancel(key)
    this.uploads = undefined
    if (forget) client.forget()
    else client.rest()
    useInbox().reset()
    useVisitors().reset()
  }

  watch(view: View): void {
    this.client?.watch(view)
  }

  more(view: View): void {
    void this.client?.more(view)
  }

  open(c: string): void {
    const { client } = this
    if (!client || this.opened.has(c)) return
    const copy = client.open(c)
    const changed = () => this.changed(c)
    const stops = [copy.state.subscribe(changed), copy.log.subscribe(changed), copy.typists.subscribe(changed)]
    this.opened.set(c, () => stops.forEach(stop => stop()))
    this.draw(c)
  }

  close(c: string): void {
    this.opened.get(c)?.()
    if (!this.opened.delete(c)) return
    this.client?.close(c)
    useInbox().conversations.delete(c)
    useInbox().absent.delete(c)
  }

  older(c: string): void {
    void this.client?.older(c)
  }

  send(c: string, text: string): void {
    const { own, rows } = useInbox()
    if (rows.get(c)?.round.state === 'waiting') own.add(c) // the reply takes it
    this.write(c, (client, files) => client.send(c, text, files))
  }

  note(c: string, text: string): void {
    this.write(c, (client, files) => client.note(c, text, files))
  }

  async attach(c: string, files: readonly File[]): Promise<number> {
    return (await this.withUploads())?.add(c, files) ?? 0
  }

  moveFiles(from: string, to: string): { moved: number; left: number } {
    const all = this.uploads?.inComposer(from).length ?? 0
    const left = this.uploads?.move(from, to) ?? 0
    return { moved: all - left, left }
  }

  detach(key: string): void {
    this.uploads?.cancel(key)
  }

  retryFile(key: string): void {
    this.uploads?.retry(key)
  }

  pictureOf(id: string): string | undefined {
    return this.uploads?.pictureOf(id)
  }

  resend(_c: string, id: string): void {
    const files = this.client?.outbox.get().find(item => item.id === id)?.files
    if (files) void this.withUploads().then(uploads => uploads?.resend(id))
    else this.client?.resend(id)
  }

  discard(_c: string, id: string): void {
    if (this.uploads) this.uploads.discard(id)
    else this.client?.discard(id)
  }

  take(c: string): void {
    useInbox().own.add(c)
    this.tell(this.client?.take(c))
  }

  assign(c: string, agent: string): void {
    if (agent === useInbox().me.id) useInbox().own.add(c)
    this.tell(this.client?.assign(c, agent))
  }

  release(c: string): void {
    this.tell(this.client?.release(c))
  }

  resolve(c: string): void {
    this.tell(this.client?.resolve(c))
  }

  read(c: string, n: number): void {
    this.client?.read(c, n)
  }

  typing(c: string, on: boolean, note: boolean): void {
    if (on) this.client?.key(c, note)
    else this.client?.endTyping(c)
  }

  /** What the agent wishes to be; who looks elsewhere is away in any case. */
  presence(presence: Presence): void {
    preferences.value.away = presence === 'away'
  }

  watchVisitors(on: boolean): void {
    this.client?.watchVisitors(on)
  }

  reconnect(): void {
    this.client?.retry()
  }

  /** What sends files, whose code comes with the first of them; nothing, where this agent has left meanwhile. */
  private withUploads(): Promise<Uploads | undefined> {
    const { client } = this
    return (this.coming ??= insist(browserWorld, () => import('./files.ts')).then(({ openUploads }) => {
      if (!client || client !== this.client) return undefined
      this.uploads = openUploads(client)
      this.follow(this.uploads.state, uploads => (useInbox().uploads = uploads))
      return this.uploads
    }))
  }

  private write(c: string, send: (client: Client, files?: readonly OutboxFile[]) => SendProblem | undefined): void {
    const { client } = this
    if (!client) return
    if (this.uploads) this.uploads.give(c, files => send(client, files))
    else send(client)
  }

  private say(): void {
    this.client?.say(wish() === 'away' ? 'away' : this.page)
  }

  private follow<T>(source: Readable<T>, write: (value: T) => void): void {
    write(source.get())
    this.stops.push(source.subscribe(write))
  }

  private tell(asked: Promise<void> | undefined): void {
    asked?.catch((why: unknown) => { this.options.refused(why as Refused) })
  }

  private connection(state: ConnectionState): void {
    const inbox = useInbox()
    const before = inbox.connection
    inbox.connection = connectionOf(state, before, this.options.now())
    const is = inbox.connection.state
    if (is === 'live' && before.state !== 'live' && before.as_of !== undefined) this.options.reconnected()
    if (is === 'ended') this.options.ended()
  }

  private outbox(items: readonly OutboxItem[]): void {
    useInbox().failed = new Set(items.filter(item => item.state === 'failed').map(item => item.c))
    for (const c of this.opened.keys()) this.changed(c)
  }

  /** Several stores change with one frame: the screen's copy is written once, after all of them. */
  private changed(c: string): void {
    if (this.stale.has(c)) return
    this.stale.add(c)
    queueMicrotask(() => {
      this.stale.delete(c)
      this.draw(c)
    })
  }

  private draw(c: string): void {
    const { client } = this
    if (!client || !this.opened.has(c)) return
    const inbox = useInbox()
    const copy = client.conversation(c)
    const { gone, refused } = copy.state.get()
    if (gone !== undefined) inbox.gone.set(c, gone)
    if (gone !== undefined || refused?.code === 'not_found') forgetDraft(c)
    const absent = refused !== undefined
    const made = absent ? undefined : conversationOf(c, copy, client.outbox.get())
    if (absent) inbox.absent.add(c)
    else inbox.absent.delete(c)
    if (made) inbox.conversations.set(c, made)
    else inbox.conversations.delete(c)
  }
}

/** As the screen tells it; `before` knows since when what it shows is old. */
export function connectionOf(state: ConnectionState, before: Connection, now: number): Connection {
  if (state.phase === 'open') return { state: 'live' }
  const since = before.state === 'live' ? now : before.as_of
  const old = since === undefined ? {} : { as_of: since }
  if (state.phase === 'stopped') return { state: stopOf(state), ...old }
  if (before.state === 'connecting' && state.phase !== 'waiting') return { state: 'connecting' }
  return { state: 'lost', ...old, ...(state.retryAt !== undefined && { retry_at: state.retryAt }) }
}

const stopOf = (state: ConnectionState) => (state.closed === closeCodes.elsewhere ? 'elsewhere' : isEnded(state) ? 'ended' : 'refused')

/** Revoked while connected; or not let in, which a browser tells as any loss, and only `mayEnter` makes final. */
const isEnded = ({ closed }: ConnectionState) => closed !== undefined && (closed === closeCodes.revoked || comesBack(closed))

function conversationOf(c: string, copy: Copy, outbox: readonly OutboxItem[]): Conversation | undefined {
  const { row, conversation, visitor, rounds, looking, broadcasts } = copy.state.get()
  if (!row || !conversation) return undefined
  const { events, older, known } = copy.log.get()
  const first = events[0]?.n ?? conversation.head.n + 1
  const last = events.at(-1)
  const to = conversation.to ?? (last?.kind === 'carried' ? last.to : undefined)
  return {
    row: { ...row, visitor: visitor ?? row.visitor, round: to ? { ...conversation.round, state: 'resolved' } : conversation.round, unread: conversation.unread },
    events,
    more: older,
    ...(known && !older && first > 1 && { removed: true }),
    ...(to && { to }),
    unsent: outbox.filter(item => item.c === c).map(unsentOf),
    theirs: conversation.theirs,
    rounds,
    looking,
    ...(broadcasts && { broadcasts }),
    typing: copy.typists.get().map(({ who, note }) => ({ ...who, note })),
  }
}

const unsentOf = ({ id, t, text, files, at, state, code }: OutboxItem): Unsent => ({
  id, kind: t === 'note' ? 'note' : 'message', text, ...(files && { files }), at, state, ...(code && { code }),
})
