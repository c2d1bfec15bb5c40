import { type World } from './world.ts'

type Source = Pick<World, 'now' | 'bytes'>

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

/** Makes UUIDv7s that sort in the order they were made, also within a millisecond and when the clock steps back. */
export function uuids(world: Source): () => string {
  let last = 0
  let count = 0
  return () => {
    const now = world.now()
    if (now > last) {
      last = now
      count = 0
    } else if (++count > 0xfff) {
      last++
      count = 0
    }
    const random = world.bytes(8)
    random[0] = 0x80 | ((random[0] ?? 0) & 0x3f)
    const time = last.toString(16).padStart(12, '0')
    const tail = hex(random)
    const third = '7' + count.toString(16).padStart(3, '0')
    return `${time.slice(0, 8)}-${time.slice(8)}-${third}-${tail.slice(0, 4)}-${tail.slice(4)}`
  }
}

/** A visitor's secret: 32 random bytes in base64url without padding. */
export function newSecret(world: Source): string {
  const base64 = btoa(String.fromCharCode(...world.bytes(32)))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace('=', '')
}

/** Whether something kept is a secret, or a log-in, at all. */
export const isSecret = (text: string | null | undefined): text is string => /^(kfv_)?[\w-]{43}$/.test(text ?? '')

/** Tells the outboxes of two visitors on one machine apart: 60 bits of the secret, which leave the other 196 untold. */
export const nameOf = (secret: string): string => secret.slice(0, 10)
