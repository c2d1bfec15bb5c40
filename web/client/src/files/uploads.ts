/** The files that are on their way from this page: in a composer, or in a message of the outbox. */
import { Cell, type Readable } from '../cell.ts'
import { type Outbox, type OutboxFile, type OutboxItem } from '../outbox.ts'
import { type World } from '../world.ts'
import { type FileRefused, type Send } from './door.ts'
import { Job } from './job.ts'
import { mostFiles } from './most.ts'

export interface Upload {
  readonly key: string
  /** The composer that it was put in: a conversation, or '' for a visitor. */
  readonly place: string
  readonly name: string
  readonly type: string
  /** In bytes. */
  readonly size: number
  /** How many of them are there. */
  readonly sent: number
  /** `waiting` for the network; `checking`: the server looks at it; `failed`: `code` says why. */
  readonly state: 'queued' | 'sending' | 'waiting' | 'checking' | 'done' | 'failed'
  readonly code?: string | undefined
  /** A picture of it, while this page lives. */
  readonly url?: string
  readonly width?: number
  readonly height?: number
  /** The complete file. */
  readonly file?: OutboxFile
  /** It belongs to a message, and to the composer no longer. */
  readonly taken: boolean
}

export interface UploadsOptions {
  world: Pick<World, 'timer' | 'random' | 'bytes'>
  send: Send
  headers: () => Readonly<Record<string, string>>
  /** The outbox of the present visitor or agent. */
  outbox: () => Pick<Outbox, 'renew' | 'resend' | 'discard'>
  items: Readable<readonly OutboxItem[]>
  /** The largest file that may be sent, in bytes. */
  most: () => number
  site?: (place: string) => string | undefined
  /** An address for a picture that was chosen here, and its size once it is known. */
  picture: (file: File) => { url: string; size: Promise<{ width: number; height: number } | undefined>; free: () => void } | undefined
}

const atOnce = 3
/** How many pictures of sent files stay in memory. */
const mostKept = 40

interface Held {
  file: File
  /** That of the composer it was put in: one that it moves to may not be known here yet. */
  site: string | undefined
  job?: Job
  free: () => void
}

export class Uploads {
  readonly state: Readable<readonly Upload[]>
  readonly #cell = new Cell<readonly Upload[]>([])
  readonly #held = new Map<string, Held>()
  readonly #kept = new Map<string, { url: string; free: () => void }>()
  /** Tells this page's keys from those of an earlier one, whose messages may still wait. */
  readonly #page: string
  #running = 0
  #count = 0
  readonly #options: UploadsOptions

  constructor(options: UploadsOptions) {
    this.#options = options
    this.state = this.#cell
    this.#page = options.world.bytes(6).join('.')
    options.items.subscribe(items => this.#sweep(items))
  }

  /** Puts files into a composer, in their order; returns how many were left out because a message has ten at most. */
  add(place: string, files: readonly File[]): number {
    const room = mostFiles - this.inComposer(place).length
    for (const file of files.slice(0, room)) this.#put(place, file)
    this.#pump()
    return Math.max(0, files.length - room)
  }

  /** What stands in a composer. */
  inComposer(place: string): readonly Upload[] {
    return this.#cell.get().filter(upload => upload.place === place && !upload.taken)
  }

  /** What stands in a composer goes on in another one, after what stands there; returns how many stay, because a message has ten at most. */
  move(from: string, to: string): number {
    const mine = this.inComposer(from)
    const moved = mine.slice(0, Math.max(0, mostFiles - this.inComposer(to).length))
    this.#cell.update(all => [...all.filter(upload => !moved.includes(upload)), ...moved.map(upload => ({ ...upload, place: to }))])
    return mine.length - moved.length
  }

  /** Hands what stands in a composer over to a message; it stays if that does not come about for the problem that is returned. */
  give<P>(place: string, send: (files?: readonly OutboxFile[]) => P | undefined): P | undefined {
    const mine = this.inComposer(place)
    const problem = mine.length > 0 ? send(mine.map(upload => ({ ...asFile(upload), ...upload.file, key: upload.key }))) : send()
    if (problem === undefined) for (const { key } of mine) this.#change(key, { taken: true })
    return problem
  }

  find(key: string | undefined): Upload | undefined {
    return this.#cell.get().find(upload => upload.key === key)
  }

  /** A picture of a file that was sent from this page. */
  pictureOf(id: string): string | undefined {
    return this.#kept.get(id)?.url
  }

  /** Takes a file out, of its composer or its message; a message of which nothing is left is given up. */
  cancel(key: string): void {
    const held = this.#held.get(key)
    this.#forget(key)
    held?.job?.cancel()
    held?.free()
    for (const item of this.#options.items.get()) {
      if (item.state === 'sent' || item.state === 'sending' || !item.files?.some(file => file.key === key)) continue
      this.#become(item, item.files.filter(file => file.key !== key))
    }
  }

  /** Tries a failed one again. */
  retry(key: string): void {
    if (this.find(key)?.state !== 'failed') return
    this.#change(key, { state: 'queued', sent: 0, code: undefined })
    this.#pump()
  }

  /** Tries a failed message again, with those of its files that are there or can be had again. */
  resend(id: string): void {
    const item = this.#options.items.get().find(one => one.id === id)
    if (item?.state !== 'failed') return
    // What the server does not know, or no longer, goes up once more where it can.
    const anew = item.code === 'bad_files' ? item.files?.filter(file => this.#held.has(file.key ?? '')) ?? [] : []
    for (const { key } of anew) this.#change(key, { state: 'failed' })
    const files = item.files?.filter(file => file.id || this.find(file.key)).map(file => (anew.includes(file) ? { ...file, id: '' } : file)) ?? []
    this.#become(item, files)
    for (const { key } of files) if (key) this.retry(key)
    this.#options.outbox().resend(id)
  }

  /** Gives a failed message up. */
  discard(id: string): void {
    for (const { key } of this.#options.items.get().find(one => one.id === id)?.files ?? []) if (key && this.#held.has(key)) this.cancel(key)
    this.#options.outbox().discard(id)
  }

  #put(place: string, file: File): void {
    const key = `${this.#page}.${++this.#count}`
    const picture = this.#options.picture(file)
    this.#held.set(key, { file, site: this.#options.site?.(place), free: () => picture?.free() })
    const { name, type, size } = file
    const upload: Upload = { key, place, name, type, size, sent: 0, state: 'queued', taken: false, ...(picture && { url: picture.url }) }
    const code = size === 0 ? 'empty' : size > this.#options.most() ? 'file_too_large' : undefined
    this.#cell.update(all => [...all, code ? { ...upload, state: 'failed', code } : upload])
    void picture?.size.then(found => found && this.#change(key, found))
  }

  #pump(): void {
    for (const { key, state } of this.#cell.get()) if (state === 'queued' && this.#running < atOnce) void this.#start(key)
  }

  async #start(key: string): Promise<void> {
    const held = this.#held.get(key)
    if (!held) return
    this.#running++
    const { world, send, headers } = this.#options
    const job = new Job(held.file, {
      world, send, headers, site: held.site,
      moved: (sent, state) => held.job === job && this.#change(key, { state, ...(sent >= 0 && { sent }) }),
    })
    held.job = job
    this.#change(key, { state: 'sending' })
    try {
      this.#done(key, await job.run())
    } catch (why) {
      this.#failed(key, (why as FileRefused).code)
    }
    this.#running--
    this.#pump()
  }

  #done(key: string, file: OutboxFile): void {
    this.#change(key, { state: 'done', file, sent: this.find(key)?.size ?? 0 })
    this.#told(key, old => ({ ...file, key: old.key ?? key }))
  }

  #failed(key: string, code: string): void {
    this.#change(key, { state: 'failed', code })
    for (const item of this.#holding(key)) if (item.state === 'waiting') this.#options.outbox().renew({ ...item, state: 'failed', code })
  }

  #told(key: string, how: (file: OutboxFile) => OutboxFile): void {
    for (const item of this.#holding(key)) {
      this.#options.outbox().renew({ ...item, files: item.files?.map(file => (file.key === key ? how(file) : file)) ?? [] })
    }
  }

  #holding(key: string): OutboxItem[] {
    return this.#options.items.get().filter(item => item.files?.some(file => file.key === key && !file.id))
  }

  /** A message has other files now; one of which nothing is left is given up. */
  #become(item: OutboxItem, files: readonly OutboxFile[]): void {
    const outbox = this.#options.outbox()
    if (files.length > 0 || item.text) return outbox.renew({ ...item, files: files.length > 0 ? files : undefined })
    outbox.renew({ ...item, state: 'failed', files })
    outbox.discard(item.id)
  }

  /** What was sent needs no memory but that of its picture. */
  #sweep(items: readonly OutboxItem[]): void {
    const named = new Set(items.flatMap(item => item.files?.map(file => file.key) ?? []))
    for (const { key, taken, file, url } of this.#cell.get()) {
      if (!taken || named.has(key)) continue
      const free = this.#held.get(key)?.free ?? (() => {})
      this.#forget(key)
      if (file && url) this.#kept.set(file.id, { url, free })
      else free()
    }
    for (const [id, { free }] of this.#kept) {
      if (this.#kept.size <= mostKept) break
      this.#kept.delete(id)
      free()
    }
  }

  #forget(key: string): void {
    this.#held.delete(key)
    this.#cell.update(all => all.filter(upload => upload.key !== key))
  }

  #change(key: string | undefined, what: Partial<Upload>): void {
    this.#cell.update(all => (all.some(upload => upload.key === key) ? all.map(upload => (upload.key === key ? { ...upload, ...what } : upload)) : all))
  }
}

const asFile = ({ name, type, size, width, height }: Upload): OutboxFile => ({ id: '', name, type, size, ...(width && height && { width, height }) })
