import { typingLasts } from './typing.ts'
import type { VisitorClient } from './visitor.ts'
import { type World } from './world.ts'

/** Said again this often while somebody writes, in ms. */
const again = 4_000

/** Tells that somebody writes here. */
export class TypingSender {
  #said: { at: number; note: boolean } | undefined
  #cancel = () => {}
  readonly #world: Pick<World, 'now' | 'timer'>
  readonly #send: (on: boolean, note: boolean) => void

  constructor(
    world: Pick<World, 'now' | 'timer'>,
    send: (on: boolean, note: boolean) => void,
  ) {
    this.#world = world
    this.#send = send
  }

  /** A key was pressed. */
  key(note = false): void {
    const now = this.#world.now()
    if (!this.#said || this.#said.note !== note || now - this.#said.at >= again) {
      this.#said = { at: now, note }
      this.#send(true, note)
    }
    this.#cancel()
    this.#cancel = this.#world.timer(typingLasts, () => this.end())
  }

  /** It was sent, or deleted. */
  end(): void {
    this.#cancel()
    if (this.#said) this.#send(false, this.#said.note)
    this.#said = undefined
  }

  /** The connection was lost: nobody knows of it any longer. */
  forget(): void {
    this.#cancel()
    this.#said = undefined
  }
}

/** A visitor's: part of whatever has a composer, and not of the hidden frame. */
export const typingOf = (client: VisitorClient): TypingSender =>
  (client.typing ??= new TypingSender(client.world, on => client.writes(on)))
