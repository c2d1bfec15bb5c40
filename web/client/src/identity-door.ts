/** The requests about a visitor's log-in, and what everybody may know of a site. */
import type { Site } from './wire.ts'

const limit = 15_000
const at = (site: string) => `/api/v1/widget/${encodeURIComponent(site)}`

/** The log-in of a site's visitor: POST makes one, DELETE ends it. Rejects when no answer came in time. */
export const askLogIn = (site: string, init: { method: string; headers: Record<string, string>; body?: string }): Promise<Response> =>
  fetch(`${at(site)}/log-in`, { ...init, credentials: 'omit', signal: AbortSignal.timeout(limit) })

/** A site's name and look; nothing of them where the server does not answer. */
export const askWidget = (site: string): Promise<Partial<Pick<Site, 'name' | 'look'>>> =>
  fetch(at(site)).then(answer => answer.json() as Promise<Partial<Pick<Site, 'name' | 'look'>>>).catch(() => ({}))
