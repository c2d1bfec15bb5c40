import { codePoints, isBlank } from '@client/index.ts'
import { hash } from '../../ui/people.ts'
import type { AudienceKind, Broadcast, BroadcastAudience, BroadcastContent } from '../../backend/broadcasts.ts'

/** The server's bounds, as in internal/broadcast/rules.go. */
export const bounds = { text: 4_000, language: 35, page: 2_048, waves: 100, pause: 24 * 60, ahead: 366 * 86_400_000, ids: 100_000 } as const

/** What stands in the fields, finished or not. Times are local, as <input type="datetime-local"> has them. */
export interface Form {
  text: string
  show: 'message' | 'card'
  kind: AudienceKind
  language: string
  page: string
  verified: boolean
  ids: string
  /** The mark of the ids that the server has, and how many visitors its list names: it does not give them back. */
  idsSaved: string
  held: number
  end: string
  inWaves: boolean
  waves: string
  /** Minutes between two waves. */
  pause: string
  later: boolean
  at: string
}

/** A field, or `audience` for two together. */
export type Field = 'text' | 'audience' | 'language' | 'page' | 'ids' | 'end' | 'waves' | 'pause' | 'at'

/** Why a field is not as it should be: a key of the words, with what they need. */
export type Problem =
  | { key: 'needText' | 'badText' | 'needSegment' | 'badLanguage' | 'badPage' | 'needIds' | 'badEnd' | 'endFirst' | 'badAt' | 'farAt' | 'badWaves' | 'badPause' }
  | { key: 'over' | 'manyIds'; params: { n: number; most: number } }
  | { key: 'badIds'; params: { n: number; line: string } }
export type Problems = Partial<Record<Field, Problem>>

export const emptyForm = (): Form => ({
  text: '', show: 'message', kind: 'all', language: '', page: '', verified: false, ids: '', idsSaved: '', held: 0, end: '', inWaves: false, waves: '4', pause: '10', later: false, at: '',
})

const pad = (n: number) => String(n).padStart(2, '0')

/** A moment as the field has it, in the reader's time zone. */
export function localOf(ms: number): string {
  const at = new Date(ms)
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`
}

/** The moment that a field says; undefined where it says none. */
export function momentOf(local: string): number | undefined {
  const ms = local ? new Date(local).getTime() : NaN
  return Number.isNaN(ms) ? undefined : ms
}

export function formOf(one: Broadcast): Form {
  const { audience, expires_at, waves, wave_seconds, scheduled_at } = one
  const inWaves = waves > 1
  return {
    ...emptyForm(), text: one.text, show: one.show, kind: audience.kind, language: audience.language ?? '', page: audience.page ?? '', verified: audience.verified ?? false, held: audience.size ?? 0,
    ...(expires_at && { end: localOf(expires_at) }),
    ...(inWaves && { inWaves, waves: String(waves), pause: String((wave_seconds ?? 0) / 60) }),
    ...(scheduled_at && { later: true, at: localOf(scheduled_at) }),
  }
}

/** Tells two texts of ids apart. */
export const markOf = (ids: string): string => (ids.trim() ? `${ids.length} ${hash(ids)}` : '')

/** The ids of a list, each once: one per line, or as a table's column is pasted. */
export const idsOf = (text: string): string[] => [...new Set(text.split(/[\s,;，；]+/).filter(Boolean))]

const isId = (text: string) => /^[1-9]\d{0,18}$/.test(text)

export function audienceOf({ kind, language, page, verified, ids, idsSaved }: Pick<Form, 'kind' | 'language' | 'page' | 'verified' | 'ids' | 'idsSaved'>): BroadcastAudience {
  if (kind === 'list') return { kind, ...(markOf(ids) !== '' && markOf(ids) !== idsSaved && { ids: idsOf(ids) }) }
  if (kind !== 'segment') return { kind }
  return { kind, ...(language.trim() && { language: language.trim() }), ...(page.trim() && { page: page.trim() }), ...(verified && { verified }) }
}

export function contentOf(form: Form): BroadcastContent {
  const end = momentOf(form.end)
  return {
    text: form.text, show: form.show, audience: audienceOf(form),
    ...(end !== undefined && { expires_at: end }),
    ...(form.inWaves && { waves: Number(form.waves), wave_seconds: Math.round(Number(form.pause) * 60) }),
  }
}

// As chat.CheckText: U+0000, and halves of pairs.
const unshown = /[\0\p{Cs}]/u

function textProblem(text: string): Problem | undefined {
  const n = codePoints(text)
  if (n > bounds.text) return { key: 'over', params: { n, most: bounds.text } }
  if (isBlank(text)) return { key: 'needText' }
  return unshown.test(text) ? { key: 'badText' } : undefined
}

function isWebAddress(text: string): boolean {
  try {
    const { protocol, hostname } = new URL(text)
    return /^https?:$/.test(protocol) && hostname !== '' && new TextEncoder().encode(text).length <= bounds.page
  } catch {
    return false
  }
}

function listProblems({ ids: text, idsSaved, held }: Form): Problems {
  if (held && (!text.trim() || markOf(text) === idsSaved)) return {}
  const ids = idsOf(text)
  const [line, ...others] = ids.filter(id => !isId(id))
  if (line !== undefined) return { ids: { key: 'badIds', params: { n: others.length + 1, line: line.slice(0, 40) } } }
  if (ids.length > bounds.ids) return { ids: { key: 'manyIds', params: { n: ids.length, most: bounds.ids } } }
  return ids.length ? {} : { ids: { key: 'needIds' } }
}

function audienceProblems(form: Form): Problems {
  if (form.kind === 'list') return listProblems(form)
  if (form.kind !== 'segment') return {}
  const { language = '', page = '', verified } = audienceOf(form)
  if (!language && !page && !verified) return { audience: { key: 'needSegment' } }
  return {
    ...(language && !/^[a-z0-9-]{2,35}$/i.test(language) && { language: { key: 'badLanguage' } }),
    ...(page && !isWebAddress(page) && { page: { key: 'badPage' } }),
  }
}

const within = (text: string, least: number, most: number) => text.trim() !== '' && Number(text) >= least && Number(text) <= most

/** What is wrong with the fields: of the text and the audience first, then of the rest. */
export function problemsOf(form: Form, now: number): Problems {
  const text = textProblem(form.text)
  const [end, at] = [momentOf(form.end), momentOf(form.at)]
  return {
    ...(text && { text }),
    ...audienceProblems(form),
    ...(form.end && (end === undefined || end <= now) && { end: { key: 'badEnd' } }),
    ...(form.inWaves && !(within(form.waves, 2, bounds.waves) && Number.isInteger(Number(form.waves))) && { waves: { key: 'badWaves' } }),
    ...(form.inWaves && !within(form.pause, 1, bounds.pause) && { pause: { key: 'badPause' } }),
    ...(form.later && atProblem(at, end, now)),
  }
}

function atProblem(at: number | undefined, end: number | undefined, now: number): Problems {
  if (at === undefined || at <= now) return { at: { key: 'badAt' } }
  if (at - now > bounds.ahead) return { at: { key: 'farAt' } }
  return end !== undefined && end <= at ? { end: { key: 'endFirst' } } : {}
}

/** Whether the server would keep it as a draft: the time of its publication is no part of it. */
export const isKeepable = (form: Form, now: number): boolean => Object.keys(problemsOf({ ...form, later: false }, now)).length === 0

/** Whether two forms are the same draft to the server. */
export const sameContent = (a: Form, b: Form): boolean => JSON.stringify(contentOf(a)) === JSON.stringify(contentOf(b))

/** GMT+8, or the name of the zone: what a local time is told in. */
export function zoneOf(lang: string, at: number): string {
  const part = new Intl.DateTimeFormat(lang, { timeZoneName: 'long' }).formatToParts(at).find(({ type }) => type === 'timeZoneName')
  return `${part?.value ?? ''} (${Intl.DateTimeFormat().resolvedOptions().timeZone})`
}
