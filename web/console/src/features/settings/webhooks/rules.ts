import { webhookTypes, type DeliveryPage, type Webhook, type WebhookContent, type WebhookDelivery, type WebhookType } from '../../../backend/integration.ts'
import { brief, clock, daysBetween } from '@words/time.ts'
import type { Lang } from '@words/words.ts'
import { webhookWords, type WebhookT } from './words.ts'

/** A site has so many at most. */
export const mostWebhooks = 10
export const longestName = 100

/** The events, as they are chosen. */
export const groups: readonly { name: 'messages' | 'notes' | 'rounds'; types: readonly WebhookType[] }[] = [
  { name: 'messages', types: webhookTypes.filter(type => type.startsWith('message.')) },
  { name: 'notes', types: webhookTypes.filter(type => type.startsWith('note.')) },
  { name: 'rounds', types: webhookTypes.filter(type => type.startsWith('round.')) },
]

/** What a new one is told of unless its admin says otherwise: what visitors may know. */
export const firstTypes: readonly WebhookType[] = webhookTypes.filter(type => !type.startsWith('note.'))

/** What can be seen to be wrong with an address before the server is asked. */
export function addressProblem(text: string): 'needAddress' | 'noCredentials' | 'noHash' | null {
  const typed = text.trim()
  if (!/^https?:\/\//i.test(typed) || !URL.canParse(typed)) return 'needAddress'
  const url = new URL(typed)
  if (url.username || url.password) return 'noCredentials'
  return typed.includes('#') ? 'noHash' : null
}

/** Its name, or the host that it is told at. */
export function nameOf({ name, url }: Pick<Webhook, 'name' | 'url'>): string {
  return name || (URL.canParse(url) ? new URL(url).host : url)
}

/** An event in the reader's language; one that this page does not know stands as it is. */
export function typeText(t: WebhookT, type: WebhookDelivery['type']): string {
  return Object.hasOwn(webhookWords.en, type) ? t(type) : type
}

export function eventsText(t: WebhookT, types: readonly WebhookType[]): string {
  return types.length === webhookTypes.length ? t('allEvents') : t('eventsCount', { n: types.length })
}

/** As it is, for a change of some of it. A paused one stays so: it is on, and only resumed by itself. */
export function contentOf({ name, url, types, state }: Webhook): WebhookContent {
  return { name, url, types, on: state !== 'off' }
}

const reasons = [
  [/^it redirects from https to http$/, 'whyDown'],
  [/^it redirects more than/, 'whyRedirects'],
  [/^it answered 410: /, 'whyGone'],
  [/^its name was not found/, 'whyName'],
  [/^its certificate is not valid/, 'whyCertificate'],
  [/^it did not answer in time/, 'whyTime'],
  [/^it accepts no connections/, 'whyRefused'],
  [/^it closed the connection/, 'whyCut'],
  [/^it is at an? .* address/, 'whyPrivate'],
  [/begins with http:\/\//, 'whyHttps'],
  [/^its port is /, 'whyPort'],
  [/^it cannot be reached/, 'whyAway'],
] as const

/** The server's reason in the reader's language; one that this page does not know stands as it is. */
export function whyText(t: WebhookT, why: string): string {
  const last = /^it failed for three days; the last time: (.*)$/s.exec(why)?.[1]
  if (last !== undefined) return t('whyDays', { why: whyText(t, last) })
  const status = /^it answered (\d+)$/.exec(why)?.[1]
  if (status) return t('answered', { status })
  const [, from, to, c] = /^events (\d+) to (\d+) of conversation (\S+) were removed/.exec(why) ?? []
  if (from && to && c) return t('whyLost', { from, to, c })
  const [, events, conversations] = /^up to (\d+) events of (\d+) conversations were removed/.exec(why) ?? []
  if (events && conversations) return t('whyLostMany', { events: Number(events), conversations: Number(conversations) })
  const known = reasons.find(([form]) => form.test(why))
  return known ? t(known[1]) : why
}

/** With seconds today; before that with the day. */
export function moment(lang: Lang, ms: number, now: number): string {
  if (daysBetween(ms, now) === 0) return `${clock(ms)}:${String(new Date(ms).getSeconds()).padStart(2, '0')}`
  return `${brief(lang, ms, now)} ${clock(ms)}`
}

/** Whether one entry of a log is older than another: ids are decimal and rise with time. */
export function older(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}

/** The log with a page of it as it is now; `cursor` is the one that the page was asked with. */
export function joined(rows: readonly WebhookDelivery[], page: DeliveryPage, cursor?: string): WebhookDelivery[] {
  const last = page.next ? page.deliveries.at(-1)?.id : undefined
  const covered = ({ id }: WebhookDelivery) => (!cursor || older(id, cursor)) && (!last || !older(id, last))
  return [...rows.filter(one => !covered(one)), ...page.deliveries].sort((a, b) => (older(a.id, b.id) ? 1 : -1))
}
