import { Cell, type Readable } from './cell.ts'
import { type Person } from './wire.ts'
import { type World } from './world.ts'

/** It is over by itself after this long, in ms. */
export const typingLasts = 6_000

export interface Typist {
  readonly who: Person
  readonly note: boolean
}

/** Who writes on the other side, until they say otherwise or 6 s have passed. */
export class Typists {
  readonly state: Readable<readonly Typist[]>
  readonly #cell = new Cell<readonly Typist[]>([])
  readonly #ends = new Map<string, () => void>()
  readonly #world: Pick<World, 'timer'>

  constructor(world: Pick<World, 'timer'>) {
    this.#world = world
    this.state = this.#cell
  }

  heard(who: Person, on: boolean, note = false): void {
    const key = keyOf(who)
    this.#ends.get(key)?.()
    this.#ends.delete(key)
    const others = this.#cell.get().filter(typist => keyOf(typist.who) !== key)
    if (on) this.#ends.set(key, this.#world.timer(typingLasts, () => this.heard(who, false)))
    if (on || others.length < this.#cell.get().length) this.#cell.set(on ? [...others, { who, note }] : others)
  }

  clear(): void {
    for (const { who } of this.#cell.get()) this.heard(who, false)
  }
}

const keyOf = (who: Person) => `${who.kind} ${who.id ?? ''}`
