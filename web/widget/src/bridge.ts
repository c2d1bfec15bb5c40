/**
 * What the loader on a website's page and the frame tell one another: a closed set of messages, each sent to, and taken
 * from, one exact origin. docs/WIDGET.md names the bounds.
 */
import { byteLength } from '@client/text.ts'
import { type PageInfo, type Says } from '@client/wire.ts'

/** What is about who the visitor is: read in ../identity, whose code comes with the first of them. */
export type ToIdentity =
  | { t: 'identify'; who?: unknown }
  | { t: 'token'; token: unknown }
  | { t: 'logout' }

export type ToFrame =
  | { t: 'init'; kept: Record<string, string>; page: PageInfo; lang?: string | undefined; open: boolean }
  | { t: 'open'; on: boolean; page: PageInfo }
  | { t: 'warm' }
  | { t: 'page'; page: PageInfo }
  | { t: 'says'; says: Says }
  | ToIdentity

/** How the button looks and what it is called now. The frame thinks, so that the loader stays small. */
export interface Face {
  /** Custom properties: --b the brand, --o the ink that can be read on it; on the left --i and --j, the place. */
  style: string
  /** The names of the widget, of the button, and what stands in its badge. */
  name: string
  label: string
  badge: string
}

export type ToPage =
  | { t: 'ready' }
  | { t: 'face'; face: Face }
  /** The key is whole, with its beginning of this site; what has no value is not kept any more. */
  | { t: 'keep'; key: string; value: string | null }
  /** Closes the panel, or opens it. */
  | { t: 'close'; on: boolean }
  /** What Kefu.on is told; and two for the loader alone: `ask` for a token, and `out`, the answer to logout. */
  | { t: 'event'; name: 'message' | 'unread' | 'error' | 'ask' | 'out'; detail?: unknown }

// In characters; the server takes an e-mail address of 254 bytes.
const mostUrl = 2_000
const mostTitle = 300
const mostName = 100
const mostEmail = 200
const mostEmailBytes = 254
const mostFields = 20
const mostField = 200
const mostKept = 400_000

type Raw = Record<string, unknown>

const isRaw = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value)
const cut = (value: unknown, most: number) => (typeof value === 'string' || typeof value === 'number' ? [...String(value)].slice(0, most).join('') : '')

/** Reads what another page sent; undefined for what is no message of ours. */
export function readToFrame(data: unknown): ToFrame | undefined {
  if (!isRaw(data)) return undefined
  switch (data['t']) {
    case 'init':
      return { t: 'init', kept: readKept(data['kept']), page: readPage(data['page']), lang: cut(data['lang'], 35), open: data['open'] === true }
    case 'open':
      return { t: 'open', on: data['on'] === true, page: readPage(data['page']) }
    case 'warm':
      return { t: 'warm' }
    case 'page':
      return { t: 'page', page: readPage(data['page']) }
    case 'says':
      return { t: 'says', says: readSays(data['says']) }
    case 'identify':
    case 'token':
    case 'logout':
      return data as ToIdentity
  }
  return undefined
}

function readPage(value: unknown): PageInfo {
  const raw = isRaw(value) ? value : {}
  const title = cut(raw['title'], mostTitle)
  const referrer = cut(raw['referrer'], mostUrl)
  return { url: cut(raw['url'], mostUrl), ...(title && { title }), ...(referrer && { referrer }) }
}

/** What a page says of its visitor: name, e-mail, and up to 20 fields of its own; anything else is left out. */
export function readSays(value: unknown): Says {
  const raw = isRaw(value) ? value : {}
  const name = cut(raw['name'], mostName)
  const email = cut(raw['email'], mostEmail)
  const fields = Object.entries(isRaw(raw['fields']) ? raw['fields'] : {})
    .slice(0, mostFields)
    .map(([key, field]) => [cut(key, 64), cut(field, mostField)] as const)
    .filter(([key, field]) => key && field)
  return { ...(name && { name }), ...(email && byteLength(email) <= mostEmailBytes && { email }), ...(fields.length > 0 && { fields: Object.fromEntries(fields) }) }
}

/** What the page kept, by the names that the frame gave it: without the beginning of this site. */
function readKept(value: unknown): Record<string, string> {
  const entries = Object.entries(isRaw(value) ? value : {})
  return Object.fromEntries(entries.flatMap(([key, text]) => (typeof text === 'string' && text.length <= mostKept ? [[key.replace(/.*?\./, ''), text]] : [])).slice(0, 50))
}
