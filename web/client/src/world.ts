/** What the client needs from outside, so that tests bring their own clock and network. */
export interface World {
  /** UTC milliseconds. */
  now(): number
  /** Evenly in [0, 1). */
  random(): number
  bytes(count: number): Uint8Array
  /** Calls `fire` once after `ms`; returns how to cancel. */
  timer(ms: number, fire: () => void): () => void
  /** Opens a line to the server. Which transport carries it is this function's choice, made anew for each line. */
  socket(url: string, protocol: string): Socket
}

/**
 * A line to the server, whatever carries it: WebSocket's part that is used. Text goes out once it is open; a line that
 * could not be opened ends with a close code, too. A transport that has to renew itself underneath may bring a visitor's
 * hello again on the same line.
 */
export interface Socket {
  /** As a WebSocket's: 0, 1, 2 closing, 3 closed. */
  readonly readyState?: number
  onopen: (() => void) | null
  onmessage: ((message: { data: unknown }) => void) | null
  onclose: ((closed: { code: number }) => void) | null
  send(text: string): void
  close(code?: number): void
}

/** Where things are kept over a reload. Every method may throw. */
export interface Shelf {
  keys(): readonly string[]
  get(key: string): string | null
  set(key: string, value: string): void
  remove(key: string): void
}

/** Runs something that may throw because storage is blocked or full. */
export function attempt<T>(what: () => T): T | undefined {
  try {
    return what()
  } catch {
    return undefined
  }
}

const longestPause = 60_000

/** Asks again, after `pause` ms and then less and less often, until code that the network did not bring is here. */
export function insist<T>(world: Pick<World, 'timer'>, load: () => Promise<T>, pause = 1_000): Promise<T> {
  return load().catch(() => new Promise<T>(come => {
    world.timer(pause, () => come(insist(world, load, Math.min(2 * pause, longestPause))))
  }))
}

/** A shelf that lasts as long as the page. */
export function memoryShelf(entries: Iterable<[string, string]> = []): Shelf {
  const kept = new Map(entries)
  return {
    keys: () => [...kept.keys()],
    get: key => kept.get(key) ?? null,
    set: (key, value) => void kept.set(key, value),
    remove: key => void kept.delete(key),
  }
}
