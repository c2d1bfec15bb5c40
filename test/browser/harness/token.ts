/** A website's server: it signs who its visitors are. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import type { Kefu } from './kefu.ts'
import type { Account, Site } from './rest.ts'

export interface Claims {
  sub: string
  name?: string
  email?: string
  fields?: Record<string, string>
  /** When it expires, in seconds from now: 60 unless told otherwise. */
  within?: number
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Makes a signing key of the site, and returns what signs with it. */
export async function signer(admin: Account, site: Site): Promise<(claims: Claims) => string> {
  const { key, secret } = await admin.call<{ key: { id: string }; secret: string }>('POST', `/sites/${site.id}/signing-keys`)
  return signerWith(site.key, key.id, secret)
}

/** What signs for a widget key with a signing key that there is. */
export function signerWith(site: string, kid: string, secret: string): (claims: Claims) => string {
  return ({ within = 60, ...claims }) => {
    const head = part({ alg: 'HS256', typ: 'JWT', kid })
    const body = part({ aud: site, exp: Math.floor(Date.now() / 1000) + within, jti: randomUUID(), ...claims })
    return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`
  }
}

/** What a browser makes: the secret of an anonymous visitor, or of an exchange. */
export const makeSecret = (): string => randomBytes(32).toString('base64url')

/** Exchanges a token for a log-in, with the secret of the anonymous visitor that this browser was. */
export async function exchange(kefu: Kefu, site: Site, token: string, before?: string): Promise<string> {
  const answer = await fetch(`${kefu.origin}/api/v1/widget/${site.key}/log-in`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token, exchange: makeSecret(), ...(before && { secret: before }) }),
  })
  if (!answer.ok) throw new Error(`log-in: ${answer.status} ${await answer.text()}`)
  return ((await answer.json()) as { log_in: string }).log_in
}

/** Removes the site's signing keys, of which it may have two. */
export async function removeSigners(admin: Account, site: Site): Promise<void> {
  const { keys } = await admin.call<{ keys: { id: string }[] }>('GET', `/sites/${site.id}/signing-keys`)
  for (const { id } of keys) await admin.call('DELETE', `/sites/${site.id}/signing-keys/${id}`)
}
