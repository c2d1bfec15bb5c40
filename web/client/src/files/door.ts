/** The requests about files, as docs/PROTOCOL.md ("Files") has them. The one place that knows their addresses. */

/** What came back: the HTTP status, and the body as text. */
export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Blob | string
  /** Told how many bytes of the body have gone out. */
  readonly progress?: (sent: number) => void
  readonly signal: AbortSignal
}

/** Sends one request; rejects when no answer came. */
export type Send = (ask: Ask) => Promise<Answer>

/** So long a request may neither move nor be answered, in ms. */
const silence = 30_000

/** XMLHttpRequest, because fetch does not tell how far a body has gone. */
export const browserSend: Send = ({ method, path, headers, body, progress, signal }) =>
  new Promise((done, failed) => {
    const request = new XMLHttpRequest()
    let late: ReturnType<typeof setTimeout>
    const moved = () => {
      clearTimeout(late)
      late = setTimeout(() => request.abort(), silence)
    }
    const stop = () => request.abort()
    request.open(method, path)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded }) => {
      moved()
      progress?.(loaded)
    }
    request.onloadend = () => {
      clearTimeout(late)
      signal.removeEventListener('abort', stop)
      if (request.status) done({ status: request.status, body: request.responseText })
      else failed(new Error('no answer'))
    }
    signal.addEventListener('abort', stop)
    moved()
    request.send(body ?? null)
  })

/** Why a request failed: the status (0: no answer), a code, and after which pause it may be sent again, in ms. */
export class FileRefused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly after = 0,
  ) {
    super(code)
    this.name = 'FileRefused'
  }

  /** Whether sending it again may help. */
  get again(): boolean {
    return this.code !== 'quota_reached' && (this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500)
  }
}

/** The answer of a request, read; throws FileRefused. */
export async function ask<T>(send: Send, what: Ask): Promise<T> {
  const { status, body } = await send(what).catch(() => {
    throw new FileRefused(0, 'offline')
  })
  const read = parsed(body)
  if (status >= 200 && status < 300) return read as T
  const { code, retry_after: after } = read as { code?: string; retry_after?: number }
  throw new FileRefused(status, code ?? `http_${status}`, after)
}

function parsed(body: string): object {
  try {
    return (JSON.parse(body) as object | null) ?? {}
  } catch {
    return {} // a proxy may answer with something else
  }
}

export const json = { 'Content-Type': 'application/json' }
export const uploads = '/files/v1/uploads'
const newAddresses = '/files/v1/addresses'

/** Addresses of files for those whose frame cannot send a header with <img>; what is not theirs to see is left out. */
export const askAddresses = (send: Send, headers: Readonly<Record<string, string>>, files: readonly string[], signal: AbortSignal) =>
  ask<{ until: number; addresses: Readonly<Record<string, string>> }>(send, {
    method: 'POST', path: newAddresses, headers: { ...headers, ...json }, body: JSON.stringify({ files }), signal,
  })

/** The address of a file for those whom a cookie lets in. Its name is there for people only. */
export const pathOf = ({ id, name }: { id: string; name: string }): string =>
  `/files/${id}/${encodeURIComponent(name.replace(/[\\/]|^\.+$/g, '_')) || '_'}`

/** The same picture, at most so many pixels wide and high: 320 or 1280. */
export const preview = (address: string, size: 320 | 1280): string => `${address}${address.includes('?') ? '&' : '?'}size=${size}`
