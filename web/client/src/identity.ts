/**
 * Who a visitor is, where its website says so: tokens of the website become log-ins. docs/PROTOCOL.md, "Verified visitors". A chunk of
 * its own, loaded when a page calls identify or logout, or the server wants to know. Whoever the visitor becomes, the frame
 * begins anew for it: nothing of the one before is left on the page.
 */
import { attempt, subjectOf } from './token.ts'
// Of the frame's own code only types: what is shared at run time would be split off from the frame, and is given instead.
import type { nameOf as namesOf, newSecret as makesSecret } from './ids.ts'
import type { OutboxItem } from './outbox.ts'
import type { VisitorClient } from './visitor.ts'
import type { closeCodes } from './wire.ts'

/** What stands between the visitor and the conversation. `login`: the website has to say who it is. */
export type Gate = { kind: 'wait' } | { kind: 'login'; again: boolean; anew: boolean }

export interface IdentityOptions {
  client: VisitorClient
  nameOf: typeof namesOf
  newSecret: typeof makesSecret
  /** One request about the log-in; rejects when no answer came. */
  request: (init: { method: string; headers: Record<string, string>; body?: string }) => Promise<{ status: number; json(): Promise<unknown> }>
  /** Asks the page for a token; undefined when it gave none in time. */
  ask: () => Promise<string | undefined>
  /** Starts the client, as present as its page is. */
  start: () => void
  /** Tells the page why it came to nothing. */
  failed: (code: string) => void
  show: (gate: Gate | undefined) => void
  /** Whether so many unsent messages may be deleted. */
  sure: (unsent: number) => Promise<boolean>
  /** Begins anew with what is kept; with what the page said of the visitor, if that is still the same person. */
  restart: (samePerson: boolean) => void
}

interface LogIn {
  secret: string
  who: string | null
}

/** A token on its way: a lost answer is asked for again with all of it. */
interface Exchange {
  token: string
  exchange: string
  secret?: string
}

const isLogIn = (secret: string | null): secret is string => /^kfv_[\w-]{43}$/.test(secret ?? '')

/** How long what was written may take to be sent before its visitor becomes another one, in ms. */
const flushLimit = 10_000
const tries = 4
const pause = 1_000
const revoked: typeof closeCodes.revoked = 4500
const turnedAway: readonly string[] = ['log_in_ended', 'carried_over', 'verified_only']
/** With these a fresh token may be taken. */
const stale = ['bad_token', 'token_expired', 'token_too_long', 'token_used']

export class Identity {
  #queue: Promise<unknown> = Promise.resolve()
  /** The page has said that it knows its visitors, and whom it means. */
  #identifies = false
  #who: string | undefined
  /** The visitor that this page began with is not to be shown any more. */
  #left = false
  /** A log-out under way: who asks for it meanwhile is given its answer. */
  #out: Promise<boolean> | undefined
  readonly #options: IdentityOptions

  constructor(options: IdentityOptions) {
    this.#options = options
  }

  /** The page knows its visitor, and perhaps says the person's id, too. */
  identify(who?: string): Promise<void> {
    this.#identifies = true
    this.#who = who
    return this.#next(() => this.#identify(who))
  }

  /** The connection does not come back by itself: the server may have turned this visitor away. */
  stopped(): Promise<void> {
    return this.#next(() => this.#stopped())
  }

  /** Tries to log in once more, because somebody asks for it. */
  again(): Promise<void> {
    return this.#next(async () => {
      this.#options.show({ kind: 'wait' })
      await this.#enter(this.#kept())
    })
  }

  /** Ends the log-in here and on the server; false: the visitor stays. An anonymous visitor has none, and keeps its chat. */
  logout(): Promise<boolean> {
    const { client } = this.#options
    this.#out ??= this.#next(async () => {
      const own = isLogIn(client.secret) ? client.secret : this.#kept()?.secret
      if (own !== undefined) return this.#end(own)
      attempt(() => this.#shelf.remove('exchange')) // whose answer was lost: it could still give the log-in
      return true
    }).finally(() => { this.#out = undefined })
    return this.#out
  }

  /** Leaves a log-in that has ended behind: the visitor wants to be a new, anonymous one. */
  anew(): Promise<boolean> {
    return this.#next(() => this.#end())
  }

  async #end(logIn?: string): Promise<boolean> {
    const { client, sure } = this.#options
    const kept = this.#kept()
    const unsent = this.#unsent(logIn ?? client.secret)
    if (unsent > 0 && !(await sure(unsent))) return false
    client.rest()
    if (logIn) await this.#revoke(logIn)
    // Another tab may have logged somebody else in.
    if (!logIn || !kept || kept.secret === logIn) this.#forget()
    else this.#forget(this.#outboxOf(logIn))
    this.#begin(false)
    return true
  }

  /** How many messages were not sent yet, in any tab: this one was not told of what others had before it was opened. */
  #unsent(secret: string): number {
    const theirs = this.#keys(this.#outboxOf(secret)).flatMap(key => this.#itemsAt(key))
    const items = new Map([...theirs, ...this.#options.client.outbox.get()].map(({ id, state }) => [id, state]))
    return [...items.values()].filter(state => state !== 'sent').length
  }

  /** What is asked for at the same time is done one after the other. */
  #next<T>(what: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(what)
    this.#queue = done.catch(() => {})
    return done
  }

  get #shelf() {
    return this.#options.client.tabs.shelf
  }

  #get(key: string): string | null {
    return attempt(() => this.#shelf.get(key)) ?? null
  }

  #kept(): LogIn | undefined {
    const secret = this.#get('secret')
    return isLogIn(secret) ? { secret, who: this.#get('who') } : undefined
  }

  async #identify(who: string | undefined): Promise<void> {
    const { client, show } = this.#options
    const kept = this.#kept()
    client.rest()
    if (kept && who === kept.who) return this.#goOn(kept)
    if (kept) show({ kind: 'wait' })
    if (kept && who !== undefined) await this.#leave(kept.secret)
    await this.#enter(kept)
  }

  async #stopped(): Promise<void> {
    const { client, show } = this.#options
    const { phase, error, closed } = client.connection.get()
    if (phase !== 'stopped' || (closed !== revoked && !turnedAway.includes(error?.code ?? ''))) return
    const kept = this.#kept()
    // Another tab has logged in, or out.
    if (kept && kept.secret !== client.secret) return this.#become(kept.secret, false)
    if (!kept && isLogIn(client.secret)) this.#forget(this.#outboxOf(client.secret))
    if (error?.code === 'verified_only') return show({ kind: 'login', again: this.#identifies, anew: false })
    show({ kind: 'wait' })
    await this.#enter(kept)
  }

  /** Asks the page who this is, and logs in unless that is known. */
  async #enter(kept: LogIn | undefined): Promise<void> {
    const { client } = this.#options
    const token = await this.#token()
    if (!token) return this.#stay()
    const who = subjectOf(token) ?? ''
    const ended = client.connection.get().phase === 'stopped'
    if (kept && !ended && !this.#left && who === kept.who) return this.#goOn(kept)
    if (kept && who !== kept.who) await this.#leave(kept.secret)
    if (!isLogIn(client.secret) && client.exists) await this.#flushed()
    await this.#exchange(token, who)
  }

  /** A token for the person that the page has named. */
  async #token(): Promise<string | undefined> {
    const { ask, failed } = this.#options
    const token = await ask()
    const who = subjectOf(token)
    if (token === undefined || who === undefined) failed('no_token')
    else if (this.#who !== undefined && who !== this.#who) failed('other_person')
    else return token
    return undefined
  }

  /** The visitor is who is logged in. */
  #goOn(kept: LogIn): void {
    const { client, show, start } = this.#options
    if (client.secret !== kept.secret) return this.#become(kept.secret, false)
    show(undefined)
    start()
  }

  /** Nobody has logged in: an anonymous visitor goes on as one. */
  #stay(): void {
    const { client, show, start } = this.#options
    if (this.#left) return this.#begin(false)
    const { phase, error } = client.connection.get()
    const ended = phase === 'stopped'
    if (this.#kept() || ended) return show({ kind: 'login', again: true, anew: ended && error?.code !== 'verified_only' })
    show(undefined)
    start()
  }

  /** Somebody else is here: what the one before had written is sent, and nothing of it stays. */
  async #leave(secret: string): Promise<void> {
    const { client } = this.#options
    if (this.#left) return
    this.#left = true
    client.said = undefined // it was said of somebody else
    if (client.secret === secret) await this.#flushed()
    client.rest()
    await this.#revoke(secret)
    this.#forget()
  }

  /** In one tab at a time: a second one finds what the first has got. */
  async #exchange(token: string, who: string): Promise<void> {
    const { client } = this.#options
    const { locks } = client.tabs
    const run = async () => {
      const kept = this.#kept()
      if (kept?.who === who && kept.secret !== client.secret) this.#become(kept.secret, !isLogIn(client.secret))
      else await this.#exchangeAlone(token, who)
    }
    if (locks) await locks.request(`kefu.identity.${client.options.site}`, run)
    else await run()
  }

  async #exchangeAlone(token: string, who: string, again = true): Promise<void> {
    const { client, failed } = this.#options
    const left = attempt(() => JSON.parse(this.#get('exchange') ?? '') as Exchange)
    const pending = left && subjectOf(left.token) === who ? left : undefined
    const carried = this.#left || !client.exists || isLogIn(client.secret) ? {} : { secret: client.secret }
    const exchange: Exchange = { ...(pending ?? { token, exchange: this.#options.newSecret(client.world) }), ...carried }
    attempt(() => this.#shelf.set('exchange', JSON.stringify(exchange)))
    const answer = await this.#post(exchange)
    const { log_in: logIn, code = 'offline' } = answer as { log_in?: string; code?: string }
    // Without an answer it is asked for again with the same pair, the next time that the page is loaded.
    if (logIn || !answer.unknown) attempt(() => this.#shelf.remove('exchange'))
    if (logIn) {
      const same = isLogIn(client.secret) && this.#get('who') === who
      attempt(() => this.#shelf.set('secret', logIn))
      attempt(() => this.#shelf.set('who', who))
      return this.#become(logIn, same)
    }
    if (pending && pending.token !== token && !answer.unknown) return this.#exchangeAlone(token, who, again)
    const fresh = again && stale.includes(code) ? await this.#token() : undefined
    if (fresh && fresh !== token && subjectOf(fresh) === who) return this.#exchangeAlone(fresh, who, false)
    failed(code)
    this.#stay()
  }

  /** The body of the answer; unknown: none came that says whether it was done. */
  async #post(exchange: Exchange): Promise<{ unknown?: boolean }> {
    const { request, client } = this.#options
    for (let failures = 0; failures < tries; failures++) {
      if (failures > 0) await new Promise<void>(done => client.world.timer(pause * 2 ** failures * (0.5 + client.world.random()), done))
      const answer = await request({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(exchange) }).catch(() => undefined)
      if (!answer || answer.status === 429 || answer.status >= 500) continue
      return ((await answer.json().catch(() => ({ code: `http_${answer.status}` }))) ?? {}) as object
    }
    return { unknown: true }
  }

  async #revoke(secret: string): Promise<void> {
    const { request, failed } = this.#options
    const ask = () => request({ method: 'DELETE', headers: { Authorization: `Bearer ${secret}` } }).then(({ status }) => status < 500 && status !== 429, () => false)
    if (!(await ask()) && !(await ask())) failed('not_revoked')
  }

  /** Until nothing of this visitor waits to be sent, or it has taken too long. */
  #flushed(): Promise<void> {
    const { client } = this.#options
    client.start()
    return new Promise(done => {
      const look = () => {
        const idle = !client.outbox.get().some(({ state }) => state === 'waiting' || state === 'sending')
        if (idle || client.connection.get().phase === 'stopped') end()
      }
      const undo = [client.outbox.subscribe(look), client.connection.subscribe(look), client.world.timer(flushLimit, () => end())]
      const end = () => {
        for (const one of undo) one()
        done()
      }
      look()
    })
  }

  /** Begins anew as this one. What an anonymous visitor could not send waits for it with "resend"; a log-in's own goes on. */
  #become(logIn: string, same: boolean): void {
    const { client } = this.#options
    client.rest()
    const from = this.#outboxOf(client.secret) + client.tabs.id
    const items = this.#left || (isLogIn(client.secret) && !same) ? [] : this.#itemsAt(from)
    attempt(() => this.#shelf.remove(from))
    const moved = items.map(item => (same ? item : failed(item)))
    if (moved.length > 0) attempt(() => this.#shelf.set(this.#outboxOf(logIn) + client.tabs.id, JSON.stringify(moved)))
    this.#begin(!this.#left)
  }

  #begin(samePerson: boolean): void {
    this.#left = false
    this.#options.restart(samePerson)
  }

  #outboxOf(secret: string): string {
    return `outbox.${this.#options.client.options.site}.${this.#options.nameOf(secret)}.`
  }

  #itemsAt(key: string): OutboxItem[] {
    const kept = attempt(() => JSON.parse(this.#get(key) ?? '') as unknown)
    return Array.isArray(kept) ? (kept as OutboxItem[]) : [] // whoever adopts them looks at each
  }

  /** Empties what is kept, all of it or one outbox. Where another tab has done so, the page may have a copy still, to begin anew with. */
  #forget(prefix = ''): void {
    const { client } = this.#options
    const copied = prefix ? [] : ['secret', 'who', 'exchange', this.#outboxOf(client.secret) + client.tabs.id]
    for (const key of new Set([...this.#keys(prefix), ...copied])) attempt(() => this.#shelf.remove(key))
  }

  #keys(prefix: string): string[] {
    return (attempt(() => this.#shelf.keys()) ?? []).filter(key => key.startsWith(prefix))
  }
}

/** Under another visitor it is another message: it waits for a person, and its files go up again where they can. */
const failed = ({ files, ...item }: OutboxItem): OutboxItem => ({
  ...item, state: 'failed', code: 'other_visitor', refused: true, ...(files && { files: files.map(file => ({ ...file, id: '' })) }),
})
