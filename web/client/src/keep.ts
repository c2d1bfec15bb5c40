import { type ConnectionState } from './connection.ts'
import { type OutboxItem } from './outbox.ts'
import { attempt, type Shelf } from './world.ts'

/** Where an outbox keeps its items, and how it is in step with the outboxes of other tabs. */
export interface Keep {
  /** Called once, by the outbox. `put` and `drop`: another tab's item changed. `adopt`: these are ours from now on. */
  listen(told: { put: (item: OutboxItem) => void; drop: (id: string) => void; adopt: (items: readonly OutboxItem[]) => void }): void
  /** Keeps an item as ours, and tells the other tabs. */
  put(item: OutboxItem): void
  drop(id: string): void
  /** Whether it is for this tab to send. */
  mine(id: string): boolean
}

/** The part of BroadcastChannel that is used. */
export interface Channel {
  onmessage: ((message: { data: unknown }) => void) | null
  postMessage(data: unknown): void
  close(): void
}

/** The part of the browser's LockManager that is used. */
export interface Locks {
  request(name: string, held: () => Promise<void>): Promise<unknown>
}

/** What tabs share. Each part may be absent; without it tabs are less in step, but nothing is lost or doubled. */
export interface Tabs {
  /** Names this page load. */
  readonly id: string
  readonly shelf: Shelf
  channel?: (name: string) => Channel
  locks?: Locks
}

interface Told {
  from: string
  put?: OutboxItem
  /** This tab's lock tells from now on whether it answers; asked for before, it could be had before the tab itself has it. */
  line?: boolean
  drop?: string
}

const text = (value: unknown, most: number): value is string => typeof value === 'string' && value.length <= most

/** What is kept or told may be old, cut or not ours at all. */
export function isItem(value: unknown): value is OutboxItem {
  const item = value as Partial<OutboxItem> | null
  return (
    typeof item === 'object' && item !== null && text(item.id, 36) && text(item.c, 36) && text(item.text, 100_000) && Array.isArray(item.files ?? []) &&
    typeof item.at === 'number' && (item.t === 'send' || item.t === 'note') &&
    ['waiting', 'sending', 'sent', 'failed'].includes(item.state ?? '')
  )
}

/**
 * Each tab keeps its own items under a key of its own and holds a lock as long as it has any. Whoever sees another tab's
 * items waits for that lock: when the tab goes, the first in the line adopts them, and nobody sends them before. A tab
 * that cannot send until a person asks it to answers for nothing: it lets go of its lock, and adopts nothing.
 */
export class TabKeep implements Keep {
  readonly #ours = new Map<string, OutboxItem>()
  readonly #theirs = new Map<string, Told>()
  readonly #awaited = new Set<string>()
  #channel: Channel | undefined
  #letGo: (() => void) | undefined
  #answers = false
  #told: Parameters<Keep['listen']>[0] | undefined

  readonly #prefix: string
  readonly #tabs: Tabs

  /** `owner`: whose outbox it is; nobody else's items are read here. */
  constructor(
    tabs: Tabs,
    owner: string,
  ) {
    this.#tabs = tabs
    this.#prefix = `outbox.${owner}.`
  }

  listen(told: Parameters<Keep['listen']>[0]): void {
    this.#told = told
    this.resume()
  }

  /** Comes back after rest() or pause(), and adopts what gone tabs left. */
  resume(): void {
    if (this.#answers) return
    this.#answers = true
    this.#channel ??= attempt(() => this.#tabs.channel?.(`kefu.${this.#prefix}`))
    if (this.#channel) this.#channel.onmessage = message => this.#hear(message.data as Told)
    if (this.#ours.size > 0) this.#hold()
    for (const key of attempt(() => this.#tabs.shelf.keys()) ?? []) {
      const [before, tab] = key.split(this.#prefix)
      if (!before && tab && tab !== this.#tabs.id) this.#await(tab)
    }
  }

  /** Who will not connect again by itself answers for nothing. */
  follow({ phase }: ConnectionState): void {
    if (phase === 'stopped') this.pause()
    else if (phase === 'connecting') this.resume()
  }

  /** Until resume() this tab cannot send: what it has is for whoever can, and stays in sight. */
  pause(): void {
    this.#answers = false
    this.#letGo?.()
    this.#offer()
  }

  /** Lets go of everything that would keep the browser from putting the page away. */
  rest(): void {
    this.pause()
    this.#channel?.close()
    this.#channel = undefined
  }

  put(item: OutboxItem): void {
    this.#theirs.delete(item.id)
    if (item.state === 'sent') this.#ours.delete(item.id)
    else this.#ours.set(item.id, item)
    this.#write()
    this.#offer(item, !this.#answers)
  }

  drop(id: string): void {
    this.#theirs.delete(id)
    if (this.#ours.delete(id)) this.#write()
    this.#tell({ from: this.#tabs.id, drop: id })
  }

  mine(id: string): boolean {
    return this.#ours.has(id)
  }

  #tell(what: Told): void {
    attempt(() => this.#channel?.postMessage(what))
  }

  /** Tells the others of an item. In `line` for all of ours they stand by any one. */
  #offer(put = this.#ours.values().next().value, line = true): void {
    if (put) this.#tell({ from: this.#tabs.id, put, line })
  }

  #hear(what: Told | null): void {
    if (!what || !text(what.from, 64) || what.from === this.#tabs.id) return
    const { put, drop } = what
    if (text(drop, 36)) {
      this.#theirs.delete(drop)
      if (this.#ours.delete(drop)) this.#write()
      this.#told?.drop(drop)
    } else if (isItem(put)) {
      if (this.#ours.delete(put.id)) this.#write()
      this.#theirs.set(put.id, what)
      this.#told?.put(put)
      if (what.line) this.#await(what.from)
    }
  }

  #write(): void {
    const key = this.#prefix + this.#tabs.id
    if (this.#ours.size > 0) {
      attempt(() => this.#tabs.shelf.set(key, JSON.stringify([...this.#ours.values()])))
      this.#hold()
    } else {
      attempt(() => this.#tabs.shelf.remove(key))
      this.#letGo?.()
    }
  }

  #hold(): void {
    if (this.#letGo || !this.#answers) return
    const released = new Promise<void>(done => {
      this.#letGo = () => {
        this.#letGo = undefined
        done()
      }
    })
    this.#lock(this.#tabs.id, () => {
      this.#offer()
      return released
    })
  }

  /** Waits until a tab is gone, then adopts what it left. Without locks, nobody can say that it lives: at once. */
  #await(tab: string): void {
    if (this.#awaited.has(tab)) return
    this.#awaited.add(tab)
    const adopt = async () => {
      this.#awaited.delete(tab)
      if (this.#answers) this.#adopt(tab)
    }
    if (this.#tabs.locks) this.#lock(tab, adopt)
    else void adopt()
  }

  #lock(tab: string, held: () => Promise<void>): void {
    attempt(() => this.#tabs.locks?.request(`kefu.${this.#prefix}${tab}`, held).catch(() => {}))
  }

  #adopt(tab: string): void {
    const key = this.#prefix + tab
    const heard = [...this.#theirs.values()].filter(({ from }) => from === tab).map(({ put }) => put)
    const kept = attempt(() => JSON.parse(this.#tabs.shelf.get(key) ?? '') as unknown)
    attempt(() => this.#tabs.shelf.remove(key))
    this.#told?.adopt([...heard, ...(Array.isArray(kept) ? (kept as unknown[]) : [])].filter(isItem))
  }
}
