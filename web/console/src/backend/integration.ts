import type { RestClient } from '@client/index.ts'

/** The shapes of docs/openapi.json by which a website's own servers take part: what they sign, and what they are told. */

/** With which a website signs who its visitors are; its secret is told only when it is made. A site has two at most. */
export interface SigningKey {
  /** The kid of the tokens that it signs. */
  id: string
  /** By the name it had then. */
  made_by: string
  made_at: number
  /** To the minute; absent: never. */
  last_used_at?: number
}

export const webhookTypes = [
  'message.created', 'message.edited', 'message.recalled', 'note.created', 'note.edited', 'note.recalled',
  'round.opened', 'round.reopened', 'round.assigned', 'round.released', 'round.returned', 'round.resolved', 'round.carried',
] as const
export type WebhookType = (typeof webhookTypes)[number]

export interface WebhookContent {
  name?: string
  url: string
  types: readonly WebhookType[]
  /** False: nothing is kept for it, and what waited is dropped. */
  on: boolean
}

export interface Webhook {
  id: string
  name: string
  url: string
  types: WebhookType[]
  /** Paused: it failed for three days; what happens is kept until it is resumed. Resuming and deleting end by themselves, soon. */
  state: 'on' | 'off' | 'paused' | 'resuming' | 'deleting'
  paused_at?: number
  /** Why it is paused, in English. */
  why?: string
  /** Until when the secret before the present one signs, too. */
  old_until?: number
  made_by: string
  made_at: number
  /** From how many conversations something waits for it. */
  waiting: number
  /** About when the longest waiting of it happened. */
  oldest?: number
  /** When the newest message was delivered, and when the newest that is not was tried last; tests aside. */
  delivered_at?: number
  failed_at?: number
  /** How many events, at most, were removed by the site's retention before they could be sent, and when that was noticed last. */
  lost?: number
  lost_at?: number
}

/** An entry of a webhook's log: a message and what became of it. */
export interface WebhookDelivery {
  id: string
  /** What the header webhook-id says: the same for all tries. */
  message_id: string
  /** A newer server may have others. Lost: nothing was sent, because retention had removed the events. */
  type: WebhookType | 'ping' | 'lost'
  delivered: boolean
  /** Of the last answer; absent: there was none. */
  status?: number
  /** The first 1,024 bytes of it. */
  answer?: string
  /** Why it failed, in English. */
  why?: string
  took_ms: number
  tries: number
  /** Of the last try. */
  at: number
  /** Of the next one. */
  next_at?: number
}

export interface DeliveryPage {
  /** Newest first. */
  deliveries: WebhookDelivery[]
  /** The cursor of the next page; absent on the last one. */
  next?: string
}

/** The part of /api/v1 about these, for a site's admins. Every call may throw Refused. */
export interface IntegrationRest {
  /** Newest first. */
  signingKeys(site: string): Promise<SigningKey[]>
  makeSigningKey(site: string): Promise<{ key: SigningKey; secret: string }>
  /** With `logIns` also the log-ins end that began with its tokens. */
  revokeSigningKey(site: string, id: string, logIns: boolean): Promise<void>
  /** Oldest first, at most ten. */
  webhooks(site: string): Promise<Webhook[]>
  webhook(site: string, id: string): Promise<Webhook>
  makeWebhook(site: string, content: WebhookContent): Promise<{ webhook: Webhook; secret: string }>
  changeWebhook(site: string, id: string, content: WebhookContent): Promise<Webhook>
  deleteWebhook(site: string, id: string): Promise<void>
  /** Another secret; for a day the one before signs, too. */
  rotateWebhook(site: string, id: string): Promise<{ webhook: Webhook; secret: string }>
  resumeWebhook(site: string, id: string): Promise<Webhook>
  /** Sends a test, and waits up to 10 s for what becomes of it. */
  pingWebhook(site: string, id: string): Promise<WebhookDelivery>
  deliveries(site: string, id: string, page: { limit: number; cursor?: string | undefined; failed?: boolean }): Promise<DeliveryPage>
  /** Sends once more what an entry is about; what comes of it stands there soon. */
  replayDelivery(site: string, id: string, delivery: string): Promise<void>
  /** All from an entry on, in order; from how many conversations. */
  replaySince(site: string, id: string, since: string): Promise<number>
}

type Http = Pick<RestClient, 'get' | 'post' | 'put' | 'delete'>

/** `path` encodes its parts; `call` watches for the end of the log-in. */
export function integrationRest(http: Http, path: (...parts: string[]) => string, call: <T>(request: Promise<T>) => Promise<T>): IntegrationRest {
  const hook = (site: string, id: string, ...more: string[]) => path('sites', site, 'webhooks', id, ...more)
  return {
    signingKeys: async site => (await call(http.get<{ keys: SigningKey[] }>(path('sites', site, 'signing-keys')))).keys,
    makeSigningKey: site => call(http.post<{ key: SigningKey; secret: string }>(path('sites', site, 'signing-keys'))),
    revokeSigningKey: (site, id, logIns) => call(http.delete(path('sites', site, 'signing-keys', id) + (logIns ? '?log_ins=true' : ''))),
    webhooks: async site => (await call(http.get<{ webhooks: Webhook[] }>(path('sites', site, 'webhooks')))).webhooks,
    webhook: (site, id) => call(http.get<Webhook>(hook(site, id))),
    makeWebhook: (site, content) => call(http.post<{ webhook: Webhook; secret: string }>(path('sites', site, 'webhooks'), content)),
    changeWebhook: (site, id, content) => call(http.put<Webhook>(hook(site, id), content)),
    deleteWebhook: (site, id) => call(http.delete(hook(site, id))),
    rotateWebhook: (site, id) => call(http.post<{ webhook: Webhook; secret: string }>(hook(site, id, 'secret'))),
    resumeWebhook: (site, id) => call(http.post<Webhook>(hook(site, id, 'resume'))),
    pingWebhook: (site, id) => call(http.post<WebhookDelivery>(hook(site, id, 'ping'))),
    deliveries: (site, id, { limit, cursor, failed }) => call(http.get<DeliveryPage>(hook(site, id, 'deliveries'), { limit, cursor, ...(failed && { failed }) })),
    replayDelivery: (site, id, delivery) => call(http.post<void>(hook(site, id, 'deliveries', delivery, 'replay'))),
    replaySince: async (site, id, since) => (await call(http.post<{ conversations: number }>(hook(site, id, 'replay'), { since }))).conversations,
  }
}
