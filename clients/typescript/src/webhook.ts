import type { components } from './api.gen.js'

type Schemas = components['schemas']

/** A verified message to a webhook. See docs/WEBHOOKS.md. */
export interface Delivery {
  /** Names the event, and is the same each time that it is delivered. */
  id: string
  /** Such as message.created; more may come. A ping has no more data than the site. */
  type: string
  version: number
  /** When it happened: RFC 3339. */
  timestamp: string
  data: {
    site: string
    conversation: Schemas['Conversation']
    visitor: {
      id: string
      /** What the website vouches for. */
      verified?: Schemas['VisitorVouched']
      /** What the page said, which anybody can write. */
      says: Schemas['VisitorSays']
      language?: string
    }
    event: Schemas['Event']
    /** What an edit or a recall changed, as it is now. */
    changed?: Schemas['Event']
  }
}

/** Why a message to a webhook is to be refused. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError'
}

const tolerance = 5 * 60 // seconds

/** The headers of a request as Node or the Fetch API has them. */
export type HeadersLike = { get(name: string): string | null } | Record<string, string | string[] | undefined>

/**
 * Verifies a message to a webhook and reads it. body is what came, not parsed; secrets are the webhook's, whsec_…, and
 * the old one while secrets change over. Throws SignatureError.
 */
export async function readDelivery(headers: HeadersLike, body: string | Uint8Array, secrets: string | readonly string[], now = Date.now()): Promise<Delivery> {
  const said = (name: string) => String((typeof headers.get === 'function' ? headers.get(name) : (headers as Record<string, unknown>)[name]) ?? '')
  const id = said('webhook-id'), at = said('webhook-timestamp')
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const signed = Buffer.concat([Buffer.from(`${id}.${at}.`), bytes])
  const signatures = said('webhook-signature').split(' ').filter(one => one.startsWith('v1,')).map(one => Buffer.from(one.slice(3), 'base64'))
  let valid = false
  for (const secret of [secrets].flat()) {
    const bare = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
    if (bare.length === 0) throw new TypeError('This is no secret of a webhook: it begins with whsec_')
    const key = await crypto.subtle.importKey('raw', bare, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
    for (const one of signatures) valid = await crypto.subtle.verify('HMAC', key, one, signed) || valid // in constant time
  }
  if (!valid) throw new SignatureError('No signature of the message is one of these secrets')
  if (!/^\d+$/.test(at) || Math.abs(now / 1000 - Number(at)) > tolerance) {
    throw new SignatureError('The message was signed more than five minutes ago, or will be: compare the clocks')
  }
  return { ...JSON.parse(Buffer.from(bytes).toString()) as Omit<Delivery, 'id'>, id }
}
