/** Times and numbers as each language writes them. Times are UTC milliseconds; the reader's own time zone is used. */
import type { Lang } from './words.ts'

const day = 86_400_000

const formats = new Map<string, Intl.DateTimeFormat>()

function format(lang: Lang, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = lang + name
  let found = formats.get(key)
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, options)))
  return found
}

const pad = (n: number) => String(n).padStart(2, '0')

/** 14:06 */
export function clock(ms: number): string {
  const at = new Date(ms)
  return `${pad(at.getHours())}:${pad(at.getMinutes())}`
}

/** 12 November, 11月12日; with the year when it is not this one. */
export function date(lang: Lang, ms: number, now: number): string {
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear()
  return sameYear
    ? format(lang, 'date', { day: 'numeric', month: 'long' }).format(ms)
    : format(lang, 'year', { day: 'numeric', month: 'long', year: 'numeric' }).format(ms)
}

/** For a list: the clock today, the weekday in the last six days, else the date. */
export function brief(lang: Lang, ms: number, now: number): string {
  const days = daysBetween(ms, now)
  if (days === 0) return clock(ms)
  if (days > 0 && days < 7) return format(lang, 'weekday', { weekday: 'short' }).format(ms)
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear()
  return sameYear
    ? format(lang, 'brief', { day: 'numeric', month: 'short' }).format(ms)
    : format(lang, 'briefYear', { day: 'numeric', month: 'short', year: 'numeric' }).format(ms)
}

/** Date and clock, for titles and tables. */
export function full(lang: Lang, ms: number): string {
  return format(lang, 'full', { dateStyle: 'long', timeStyle: 'short' }).format(ms)
}

/** How many midnights lie between two moments, in the reader's time zone. */
export function daysBetween(from: number, to: number): number {
  const midnight = (ms: number) => new Date(ms).setHours(0, 0, 0, 0)
  return Math.round((midnight(to) - midnight(from)) / day)
}

/** 0:48, 4:12, 1:05:30: how long somebody waits. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  const tail = pad(seconds % 60)
  return hours > 0 ? `${hours}:${pad(minutes)}:${tail}` : `${minutes}:${tail}`
}
