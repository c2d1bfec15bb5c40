/** A value that can be watched: the only kind of store in this package, so that every framework can wrap it. */
export interface Readable<T> {
  get(): T
  /** Calls `changed` after every change, not now; returns how to stop. */
  subscribe(changed: (value: T) => void): () => void
}

export class Cell<T> implements Readable<T> {
  readonly #watchers = new Set<(value: T) => void>()
  #value: T

  constructor(value: T) {
    this.#value = value
  }

  get(): T {
    return this.#value
  }

  set(value: T): void {
    if (value === this.#value) return
    this.#value = value
    for (const changed of [...this.#watchers]) changed(value)
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value))
  }

  subscribe(changed: (value: T) => void): () => void {
    const own = (value: T) => changed(value)
    this.#watchers.add(own)
    return () => void this.#watchers.delete(own)
  }
}
