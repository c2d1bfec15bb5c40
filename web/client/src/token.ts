/** As in world.ts, which is part of the frame. */
export function attempt<T>(what: () => T): T | undefined {
  try {
    return what()
  } catch {
    return undefined
  }
}

const mostToken = 16_384

/**
 * The person that a token of a website is for, its claim "sub"; undefined for what is no such token. Unverified: it
 * tells one person from the next, and the server alone believes it or not.
 */
export function subjectOf(token: unknown): string | undefined {
  const [, body] = typeof token === 'string' && token.length <= mostToken ? /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token) ?? [] : []
  const claims = attempt(() => {
    const bytes = atob((body ?? '').replaceAll('-', '+').replaceAll('_', '/'))
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, byte => byte.charCodeAt(0)))) as { sub?: unknown }
  })
  return typeof claims?.sub === 'string' ? claims.sub : undefined
}
