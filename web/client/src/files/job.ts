/** One file on its way up: part after part, and again after a loss, from where the server stands. */
import { type OutboxFile } from '../outbox.ts'
import { type World } from '../world.ts'
import { ask, FileRefused, json, uploads, type Ask, type Send } from './door.ts'

/** What the server says of an upload that is not complete. */
interface Standing {
  id: string
  part_bytes: number
  parts: readonly number[]
  complete?: boolean
}

export interface JobOptions {
  world: Pick<World, 'timer' | 'random'>
  send: Send
  /** Who asks, as headers; asked for each time, because a visitor may become another. */
  headers: () => Readonly<Record<string, string>>
  /** The site, of an agent's upload. */
  site?: string | undefined
  /** `sent` bytes are there; `waiting` tells that it stands still until the next try. */
  moved: (sent: number, how: 'sending' | 'waiting' | 'checking') => void
}

const pause = { first: 500, most: 5_000 }
/** How often the server may lose an upload, or miss parts of it, before it is given up. */
const mostLosses = 3

/** Why the file itself, not the network, is at fault. */
const unreadable = new FileRefused(-1, 'unreadable')

export class Job {
  #id = ''
  readonly #ending = new AbortController()
  #pauses = 0
  #losses = 0
  readonly #file: File
  readonly #options: JobOptions

  constructor(
    file: File,
    options: JobOptions,
  ) {
    this.#file = file
    this.#options = options
  }

  /** Resolves with the complete file; rejects with FileRefused when it will never be. */
  async run(): Promise<OutboxFile> {
    for (;;) {
      try {
        return await this.#attempt()
      } catch (why) {
        await this.#after(why as FileRefused)
      }
    }
  }

  /** Gives it up, here and on the server. */
  cancel(): void {
    this.#ending.abort()
    if (!this.#id) return
    const gone = { method: 'DELETE' as const, path: this.#path(), headers: this.#options.headers(), signal: new AbortController().signal }
    this.#options.send(gone).catch(() => {}) // else it expires
  }

  async #attempt(): Promise<OutboxFile> {
    // A file that was moved away or changed would look like a lost connection, for ever.
    await this.#file.slice(0, 1).arrayBuffer().catch(() => Promise.reject(unreadable))
    const standing = await this.#standing()
    this.#id = standing.id
    const { size } = this.#file
    const count = Math.ceil(size / standing.part_bytes)
    const there = new Set(standing.parts)
    const lengthOf = (n: number) => Math.min(size, n * standing.part_bytes) - (n - 1) * standing.part_bytes
    let sent = [...there].reduce((sum, n) => sum + lengthOf(n), 0)
    this.#options.moved(sent, 'sending')
    for (let n = 1; n <= count; n++) {
      if (there.has(n) || standing.complete) continue
      const from = (n - 1) * standing.part_bytes
      const before = sent
      await this.#ask({
        method: 'PUT', path: this.#path(`/parts/${n}`), body: this.#file.slice(from, from + lengthOf(n)),
        progress: bytes => this.#options.moved(before + Math.min(bytes, lengthOf(n)), 'sending'),
      })
      sent += lengthOf(n)
      this.#pauses = 0
      this.#options.moved(sent, 'sending')
    }
    this.#options.moved(size, 'checking')
    return this.#ask<OutboxFile>({ method: 'POST', path: this.#path('/complete') })
  }

  #standing(): Promise<Standing> {
    if (this.#id) return this.#ask<Standing>({ method: 'GET', path: this.#path() })
    const { name, size, type } = this.#file
    const { site } = this.#options
    return this.#ask<Standing>({ method: 'POST', path: uploads, headers: json, body: JSON.stringify({ name, size, ...(type && { type }), ...(site && { site }) }) })
  }

  /** Waits where another try may help; else throws on. */
  async #after(why: FileRefused): Promise<void> {
    if (this.#ending.signal.aborted) throw new FileRefused(-1, 'cancelled')
    const lost = this.#id !== '' && (why.code === 'not_found' || why.code === 'conflict') && this.#losses++ < mostLosses
    if (!why.again && !lost) throw why
    if (why.code === 'not_found') this.#id = ''
    const most = Math.min(pause.most, pause.first * 2 ** this.#pauses++)
    this.#options.moved(-1, 'waiting')
    await new Promise<void>(done => {
      const cancel = this.#options.world.timer(Math.max(why.after, most * (0.5 + this.#options.world.random() / 2)), done)
      this.#ending.signal.addEventListener('abort', () => (cancel(), done()), { once: true })
    })
    if (this.#ending.signal.aborted) throw new FileRefused(-1, 'cancelled')
  }

  #path(rest = ''): string {
    return `${uploads}/${this.#id}${rest}`
  }

  #ask<T>(what: Omit<Ask, 'headers' | 'signal'> & { headers?: Ask['headers'] }): Promise<T> {
    this.#ending.signal.throwIfAborted() // between two requests: nobody is told of it again
    return ask<T>(this.#options.send, { ...what, headers: { ...this.#options.headers(), ...what.headers }, signal: this.#ending.signal })
  }
}
