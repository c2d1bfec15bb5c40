/** A website's server: it signs who its visitors are. */
import { createHmac, randomUUID } from 'node:crypto'
import type { Account, Site } from './rest.ts'

export interface Claims {
  sub: string
  name?: string
  email?: string
  /** When it expires, in seconds from now: 60 unless told otherwise. */
  within?: number
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Makes a signing key of the site, and returns what signs with it. */
export async function signer(admin: Account, site: Site): Promise<(claims: Claims) => string> {
  const { key, secret } = await admin.call<{ key: { id: string }; secret: string }>('POST', `/sites/${site.id}/signing-keys`)
  return ({ within = 60, ...claims }) => {
    const head = part({ alg: 'HS256', typ: 'JWT', kid: key.id })
    const body = part({ aud: site.key, exp: Math.floor(Date.now() / 1000) + within, jti: randomUUID(), ...claims })
    return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`
  }
}
