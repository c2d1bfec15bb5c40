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
  drop?: string
}

const text = (value: unknown, most: number): value is string => typeof value === 'string' && value.length <= most

/** What is kept or told may be old, cut or not ours at all. */
export function isItem(value: unknown): value is OutboxItem {
  const item = value as Partial<OutboxItem> | null
  return (
    typeof item === 'object' && item !== null && text(item.id, 36) && text(item.c, 36) && text(item.text, 100_000) &&
    typeof item.at === 'number' && (item.t === 'send' || item.t === 'note') &&
    ['waiting', 'sending', 'sent', 'failed'].includes(item.state ?? '')
  )
}

/**
 * Each tab keeps its own items under a key of its own and holds a lock as long as it has any. Whoever sees another tab's
 * items waits for that lock: when the tab goes, the first in the line adopts them, and nobody sends them before.
 */
export class TabKeep implements Keep {
  private readonly ours = new Map<string, OutboxItem>()
  private readonly theirs = new Map<string, { item: OutboxItem; tab: string }>()
  private readonly awaited = new Set<string>()
  private channel: Channel | undefined
  private letGo: (() => void) | undefined
  private told: Parameters<Keep['listen']>[0] | undefined

  constructor(
    private readonly tabs: Tabs,
    /** Whose outbox it is: nobody else's items are read here. */
    private readonly owner: string,
  ) {}

  listen(told: Parameters<Keep['listen']>[0]): void {
    this.told = told
    this.resume()
  }

  /** Comes back after rest(), and adopts what gone tabs left. */
  resume(): void {
    this.channel ??= attempt(() => this.tabs.channel?.(`kefu.${this.prefix}`))
    if (this.channel) this.channel.onmessage = message => this.hear(message.data as Told)
    if (this.ours.size > 0) this.hold()
    for (const key of attempt(() => this.tabs.shelf.keys()) ?? []) {
      const tab = key.slice(this.prefix.length)
      if (key.startsWith(this.prefix) && tab !== this.tabs.id) this.await(tab)
    }
  }

  /** Lets go of everything that would keep the browser from putting the page away. */
  rest(): void {
    this.channel?.close()
    this.channel = undefined
    this.letGo?.()
  }

  put(item: OutboxItem): void {
    this.theirs.delete(item.id)
    if (item.state === 'sent') this.ours.delete(item.id)
    else this.ours.set(item.id, item)
    this.write()
    this.tell({ from: this.tabs.id, put: item })
  }

  drop(id: string): void {
    this.theirs.delete(id)
    if (this.ours.delete(id)) this.write()
    this.tell({ from: this.tabs.id, drop: id })
  }

  mine(id: string): boolean {
    return this.ours.has(id)
  }

  private get prefix(): string {
    return `outbox.${this.owner}.`
  }

  private tell(what: Told): void {
    attempt(() => this.channel?.postMessage(what))
  }

  private hear(what: Told | null): void {
    if (!what || !text(what.from, 64) || what.from === this.tabs.id) return
    const { put, drop } = what
    if (text(drop, 36)) {
      this.theirs.delete(drop)
      if (this.ours.delete(drop)) this.write()
      this.told?.drop(drop)
    } else if (isItem(put)) {
      if (this.ours.delete(put.id)) this.write()
      this.theirs.set(put.id, { item: put, tab: what.from })
      this.told?.put(put)
      if (this.tabs.locks) this.await(what.from)
    }
  }

  private write(): void {
    const key = this.prefix + this.tabs.id
    if (this.ours.size > 0) {
      attempt(() => this.tabs.shelf.set(key, JSON.stringify([...this.ours.values()])))
      this.hold()
    } else {
      attempt(() => this.tabs.shelf.remove(key))
      this.letGo?.()
    }
  }

  private hold(): void {
    if (this.letGo) return
    const released = new Promise<void>(done => {
      this.letGo = () => {
        this.letGo = undefined
        done()
      }
    })
    void this.lock(this.tabs.id, () => released)
  }

  /** Waits until a tab is gone, then adopts what it left. Without locks, nobody can say that it lives: at once. */
  private await(tab: string): void {
    if (this.awaited.has(tab)) return
    this.awaited.add(tab)
    const adopt = () => {
      this.awaited.delete(tab)
      this.adopt(tab)
      return Promise.resolve()
    }
    if (this.tabs.locks) void this.lock(tab, adopt)
    else void adopt()
  }

  private lock(tab: string, held: () => Promise<void>): Promise<unknown> {
    const asked = attempt(() => this.tabs.locks?.request(`kefu.${this.prefix}${tab}`, held))
    return Promise.resolve(asked).catch(() => undefined)
  }

  private adopt(tab: string): void {
    const key = this.prefix + tab
    const found = new Map<string, OutboxItem>()
    for (const { item, tab: of } of this.theirs.values()) if (of === tab && item.state !== 'sent') found.set(item.id, item)
    const kept = attempt(() => JSON.parse(this.tabs.shelf.get(key) ?? '[]') as unknown)
    for (const item of Array.isArray(kept) ? kept : []) if (isItem(item)) found.set(item.id, item)
    attempt(() => this.tabs.shelf.remove(key))
    if (found.size > 0) this.told?.adopt([...found.values()])
  }
}
