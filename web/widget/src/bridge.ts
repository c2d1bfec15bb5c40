/**
 * What the loader on a website's page and the frame tell one another: a closed set of messages, each sent to, and taken
 * from, one exact origin. docs/WIDGET.md names the bounds.
 */
import { type PageInfo, type Says } from '@client/wire.ts'

export type ToFrame =
  | { t: 'init'; kept: Record<string, string>; page: PageInfo; lang: string; open: boolean }
  | { t: 'open'; on: boolean; page: PageInfo }
  | { t: 'warm' }
  | { t: 'page'; page: PageInfo }
  | { t: 'says'; says: Says }

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
  | { t: 'keep'; key: string; value: string | null }
  | { t: 'close' }
  | { t: 'event'; name: 'message' | 'unread'; detail: unknown }

const bounds = { url: 2_000, title: 300, name: 100, email: 200, fields: 20, field: 200, kept: 400_000 }

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
  }
  return undefined
}

function readPage(value: unknown): PageInfo {
  const raw = isRaw(value) ? value : {}
  const title = cut(raw['title'], bounds.title)
  const referrer = cut(raw['referrer'], bounds.url)
  return { url: cut(raw['url'], bounds.url), ...(title && { title }), ...(referrer && { referrer }) }
}

/** What a page says of its visitor: name, e-mail, and up to 20 fields of its own; anything else is left out. */
export function readSays(value: unknown): Says {
  const raw = isRaw(value) ? value : {}
  const name = cut(raw['name'], bounds.name)
  const email = cut(raw['email'], bounds.email)
  const fields = Object.entries(isRaw(raw['fields']) ? raw['fields'] : {})
    .slice(0, bounds.fields)
    .map(([key, field]) => [cut(key, 64), cut(field, bounds.field)] as const)
    .filter(([key, field]) => key && field)
  return { ...(name && { name }), ...(email && { email }), ...(fields.length > 0 && { fields: Object.fromEntries(fields) }) }
}

function readKept(value: unknown): Record<string, string> {
  const entries = Object.entries(isRaw(value) ? value : {})
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length <= bounds.kept).slice(0, 50))
}
