import { calls, type Calls } from './api.gen.js'
import type { CallOptions } from './call.js'
import { errorFrom, KefuError } from './error.js'
import { lists, type Lists } from './pages.js'

const tryLimit = 30_000 // ms, for one try; what is no JSON may take longer once it has begun
const firstGap = 200 // ms
const longestGap = 30_000 // ms

export interface ClientOptions {
  /** The server's address, such as https://chat.example.com */
  address: string
  /** An API key, kfk_… */
  key: string
  /** How often a request is tried at most, when the server is busy or cannot be reached (5). */
  tries?: number
  /** Instead of the runtime's own. */
  fetch?: typeof fetch
}

/** A client has each operation of the document as a method, and lists that go through all pages. */
export type Client = Calls & Lists

/** Makes a client of one server with one API key. It throws if the two are not what they should be. */
export function createClient(options: ClientOptions): Client {
  const { protocol } = new URL(options.address)
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`The address ${options.address} is none: give it as https://chat.example.com`)
  if (!/^kfk_\S+$/.test(options.key)) throw new TypeError('This is no API key: it begins with kfk_, and an admin makes one in the console, Settings')
  const made = Object.entries(calls).map(([name, [method, path]]) =>
    [name, (asked: Record<string, unknown> = {}, call: CallOptions = {}) => ask(options, method, path, asked, call)])
  const own = Object.fromEntries(made) as Calls
  return { ...own, ...lists(own) }
}

async function ask(to: ClientOptions, method: string, path: string, asked: Record<string, unknown>, { signal, once }: CallOptions): Promise<unknown> {
  const address = addressOf(to.address, path, asked)
  const headers: Record<string, string> = { authorization: `Bearer ${to.key}` }
  if (asked.body !== undefined) headers['content-type'] = 'application/json'
  if (method !== 'GET') headers['idempotency-key'] = once ?? crypto.randomUUID()
  const body = asked.body === undefined ? undefined : JSON.stringify(asked.body)
  for (let left = to.tries ?? 5, gap = firstGap; ; gap *= 2) {
    const late = new AbortController()
    const timer = setTimeout(() => { late.abort(new Error('the server took too long')) }, tryLimit)
    try {
      const answer = await (to.fetch ?? fetch)(address, { method, headers, body, redirect: 'manual', signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal })
      if (!answer.ok) throw await errorFrom(answer)
      if (!isJSON(answer)) clearTimeout(timer)
      return await read(answer)
    } catch (error) {
      signal?.throwIfAborted()
      const later = Math.max(gap * (0.5 + Math.random()), error instanceof KefuError ? error.retryAfter ?? 0 : 0)
      if (error instanceof KefuError && !error.passes || --left < 1 || later > longestGap) throw error
      clearTimeout(timer)
      await pause(later, signal)
    } finally {
      clearTimeout(timer)
    }
  }
}

function isJSON(answer: Response): boolean {
  return answer.headers.get('content-type')?.startsWith('application/json') ?? false
}

async function read(answer: Response): Promise<unknown> {
  if (isJSON(answer)) return answer.json()
  if (answer.headers.has('content-type')) return answer.blob()
  await answer.text()
  return undefined
}

/** What is asked for goes where the path has its name, or else into the query. */
function addressOf(address: string, path: string, asked: Record<string, unknown>): string {
  const named = new Set(['body'])
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    named.add(name)
    const id = String(asked[name] ?? '')
    if (/^\.{0,2}$/.test(id)) throw new TypeError(`${path} needs an id for ${name}, not "${id}"`)
    return encodeURIComponent(id)
  })
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(asked)) {
    if (!named.has(name) && value !== undefined) query.set(name, String(value))
  }
  return address.replace(/\/$/, '') + filled + (query.size ? `?${query}` : '')
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done, ended) => {
    const end = () => {
      clearTimeout(timer)
      ended(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end)
      done()
    }, ms)
    signal?.addEventListener('abort', end, { once: true })
  })
}
