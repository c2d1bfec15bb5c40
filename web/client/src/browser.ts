/** The browser as the client's world. Nothing else in this package touches a global of the page. */
import { type Readable } from './cell.ts'
import { type ConnectionState } from './connection.ts'
import { uuids } from './ids.ts'
import { type Channel, type Tabs } from './keep.ts'
import { lines } from './transport.ts'
import { attempt, memoryShelf, type Shelf, type Socket, type World } from './world.ts'
import { type Presence } from './wire.ts'

export const browserWorld: World = {
  now: () => Date.now(),
  random: Math.random,
  bytes: count => crypto.getRandomValues(new Uint8Array(count)),
  timer: (ms, fire) => {
    const timer = setTimeout(fire, ms)
    return () => clearTimeout(timer)
  },
  socket: (url, protocol) => new WebSocket(url, protocol) as Socket,
}
browserWorld.socket = lines(browserWorld, () => import('./transport-stream.ts'))

/** The address of a live connection of the server that the page came from. */
export const liveUrl = (who: 'visitor' | 'agent'): string => `${location.origin.replace(/^http/, 'ws')}/ws/v1/${who}`

/** The browser's own storage under a prefix; undefined where it is blocked. */
export function localShelf(prefix: string): Shelf | undefined {
  return attempt(() => {
    const { localStorage } = window
    const probe = prefix + 'probe'
    localStorage.setItem(probe, '1')
    localStorage.removeItem(probe)
    return {
      keys: () => Object.keys(localStorage).filter(key => key.startsWith(prefix)).map(key => key.slice(prefix.length)),
      get: key => localStorage.getItem(prefix + key),
      set: (key, value) => localStorage.setItem(prefix + key, value),
      remove: key => localStorage.removeItem(prefix + key),
    }
  })
}

/** What this tab shares with the others; locks are there only where the page came over TLS or from this machine. */
export function browserTabs(shelf: Shelf = localShelf('kefu.') ?? memoryShelf()): Tabs {
  const locks = attempt(() => navigator.locks) as LockManager | undefined
  return {
    id: uuids(browserWorld)(),
    shelf,
    channel: name => new BroadcastChannel(name) as Channel,
    // Where the storage of frames is blocked, the browser has locks and refuses each: then it goes as without.
    ...(locks && { locks: { request: (name: string, held: () => Promise<void>) => locks.request(name, held).catch(held) } }),
  }
}

interface Follower {
  readonly connection?: Readable<ConnectionState>
  start(): void
  rest(): void
  wake(): void
  say(presence: Presence): void
}

/** Tells a client when the page is hidden, frozen, put away, shown again, or back on the network; returns how to stop. */
export function followPage(client: Follower): () => void {
  const heard = new AbortController()
  const { signal } = heard
  const look = () => {
    const hidden = document.visibilityState === 'hidden'
    client.say(hidden ? 'away' : 'online')
    if (!hidden) client.wake()
  }
  document.addEventListener('visibilitychange', look, { signal })
  document.addEventListener('freeze', () => client.say('away'), { signal })
  document.addEventListener('resume', look, { signal })
  addEventListener('online', () => client.wake(), { signal })
  // It may rest already, until somebody has said who is here.
  let rested = false
  addEventListener('pagehide', () => {
    rested = client.connection?.get().phase === 'idle'
    client.rest()
  }, { signal })
  addEventListener('pageshow', shown => {
    if (!shown.persisted) return
    if (!rested) client.start()
    look()
  }, { signal })
  look()
  return () => heard.abort()
}
