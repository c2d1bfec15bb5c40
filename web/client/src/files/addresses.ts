/** Where a visitor's frame finds the files of its conversation: addresses that the server signs for an hour. */
import { Cell, type Readable } from '../cell.ts'
import { type World } from '../world.ts'
import { askAddresses, type Send } from './door.ts'

export interface AddressesOptions {
  world: Pick<World, 'now' | 'timer'>
  send: Send
  headers: () => Readonly<Record<string, string>>
}

/** What belongs together becomes one request, and this many files at most. */
const gather = 20
const atOnce = 100
const again = { first: 1_000, most: 30_000 }
/** Asked for anew this long before they end, in ms; a clock that is far off does not make it ask more often than this. */
const ahead = 300_000
const seldom = 60_000
const mostMisses = 6

export class Addresses {
  /** By the file's id. One that is not there is not known yet, or not this visitor's to see. */
  readonly known: Readable<Readonly<Record<string, string>>>
  readonly #cell = new Cell<Readonly<Record<string, string>>>({})
  readonly #wanted = new Set<string>()
  readonly #queue = new Set<string>()
  readonly #misses = new Map<string, number>()
  #asking = false
  #tries = 0
  #cancel = () => {}
  readonly #options: AddressesOptions

  constructor(options: AddressesOptions) {
    this.#options = options
    this.known = this.#cell
  }

  /** The address of a file is needed from now on. */
  want(id: string): void {
    if (this.#wanted.has(id)) return
    this.#wanted.add(id)
    this.#queue.add(id)
    this.#soon(gather)
  }

  /** One that does not work any longer: a page that slept, or a server that was restored. */
  renew(id: string): void {
    this.#queue.add(id)
    this.#soon(gather)
  }

  /** A message was kept: those that were not there may be now. */
  kept(): void {
    for (const id of this.#misses.keys()) if (!this.#cell.get()[id]) this.renew(id)
  }

  /** It may be asked for before its message is kept: a few times, and more seldom each time. */
  #missed(id: string): void {
    const misses = (this.#misses.get(id) ?? 0) + 1
    this.#misses.set(id, misses)
    if (misses < mostMisses) this.#options.world.timer(again.first * 2 ** misses, () => this.renew(id))
  }

  #soon(ms: number): void {
    if (this.#asking) return
    this.#cancel()
    this.#cancel = this.#options.world.timer(ms, () => void this.#ask())
  }

  async #ask(): Promise<void> {
    const ids = [...this.#queue].slice(0, atOnce)
    if (ids.length === 0) return
    this.#asking = true
    const { world, send, headers } = this.#options
    try {
      const { until, addresses } = await askAddresses(send, headers(), ids, new AbortController().signal)
      for (const id of ids) this.#queue.delete(id)
      this.#cell.update(known => ({ ...known, ...addresses }))
      this.#tries = 0
      for (const id of ids) if (!addresses[id]) this.#missed(id)
      world.timer(Math.max(seldom, until - world.now() - ahead), () => ids.forEach(id => this.renew(id)))
      this.#asking = false
      if (this.#queue.size > 0) this.#soon(0)
    } catch {
      this.#asking = false
      this.#soon(Math.min(again.most, again.first * 2 ** this.#tries++))
    }
  }
}
