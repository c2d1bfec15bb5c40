export interface WebAddress {
  href: string
  host: string
  /** Without the scheme, as people write it. */
  short: string
}

/** A web address that a link may lead to: http and https only, because pages say what they like. */
export function webAddress(text: string | undefined): WebAddress | null {
  if (!text || !URL.canParse(text)) return null
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  const path = url.pathname === '/' ? '' : url.pathname
  return { href: url.href, host: url.host, short: url.host + path }
}
