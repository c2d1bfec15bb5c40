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

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** A visitor's secret: 32 random bytes in base64url without padding. */
export function newSecret(world: Source): string {
  let out = ''
  let rest = 0
  let bits = 0
  for (const byte of world.bytes(32)) {
    rest = ((rest << 8) | byte) & 0xfff
    for (bits += 8; bits >= 6; bits -= 6) out += alphabet[(rest >> (bits - 6)) & 63]
  }
  return out + alphabet[(rest << (6 - bits)) & 63]
}

/** Whether something kept is a secret at all. */
export const isSecret = (text: string | null | undefined): text is string => /^[\w-]{43}$/.test(text ?? '')

/** Names a visitor without telling its secret: 53 bits, enough to keep two outboxes on one machine apart. */
export function nameOf(secret: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < secret.length; i++) {
    const code = secret.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36)
}
