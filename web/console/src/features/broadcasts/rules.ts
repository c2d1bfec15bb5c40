import type { Broadcast, BroadcastAudience } from '../../backend/broadcasts.ts'
import type { T } from '@words/words.ts'
import { clock, date, daysBetween } from '@words/time.ts'
import type { Lang } from '@words/words.ts'
import type { broadcastWords } from './words.ts'

type Says = T<(typeof broadcastWords)['zh-CN']>

/** Visitors see it, and its counts move. */
export const isOut = ({ state }: Pick<Broadcast, 'state'>): boolean => state === 'publishing' || state === 'published'

/** Whether what the server says of it changes by itself about now. */
export const moves = (one: Broadcast, now: number): boolean => isOut(one) || (one.state === 'scheduled' && (one.scheduled_at ?? Infinity) <= now)

const older = (a: string, b: string) => (a.length === b.length ? a < b : a.length < b.length)

/** What is known, brought up to date by the newest ones; `limit` is how many were asked for. */
export function merged(known: readonly Broadcast[], newest: readonly Broadcast[], limit: number): Broadcast[] {
  const last = newest.at(-1)
  if (!last || newest.length < limit) return [...newest]
  return [...newest, ...known.filter(({ id }) => older(id, last.id))]
}

/** When it went out, will go out, or was begun. */
export const timeOf = ({ published_at, scheduled_at, created_at }: Broadcast): number => published_at ?? scheduled_at ?? created_at

/** 14:06 today, else with the date. */
export function moment(lang: Lang, ms: number, now: number): string {
  if (daysBetween(ms, now) === 0) return clock(ms)
  return lang === 'en' ? `${date(lang, ms, now)}, ${clock(ms)}` : `${date(lang, ms, now)} ${clock(ms)}`
}

/** The share of a whole in percent, never more than all of it. */
export const share = (part: number, whole: number): number => (whole > 0 ? Math.min(100, Math.round((part / whole) * 1000) / 10) : 0)

export function audienceText(t: Says, { kind, language, page, verified, size = 0 }: BroadcastAudience): string {
  if (kind === 'list') return t('list', { n: size })
  if (kind !== 'segment') return t(kind)
  return [verified && t('verifiedOnly'), language && t('speaks', { language }), page && t('onPage', { page })].filter(Boolean).join(t('and'))
}

/** A pause between waves, in the largest unit that says it whole. */
export function pauseText(t: Says, seconds: number): string {
  if (seconds % 3600 === 0) return t('hours', { n: seconds / 3600 })
  return seconds % 60 === 0 ? t('minutes', { n: seconds / 60 }) : t('seconds', { n: seconds })
}

export function authorText(t: Says, { kind, name }: Broadcast['by']): string {
  return kind === 'key' ? t('byKey', { name: name ?? '' }) : name ?? t('somebody')
}
