/** What a refusal may say beside its sentence: how many tries are left before a pause, and how long the pause is, in ms. */
export interface RestDetail {
  readonly triesLeft?: number
  readonly retryAfter?: number
}

/** Why a request was refused: the HTTP status (0: no answer), a code, a sentence, and the field it is about. */
export class RestRefused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
    readonly field?: string,
    readonly detail: RestDetail = {},
  ) {
    super(text)
    this.name = 'RestRefused'
  }
}

export interface RestOptions {
  /** /api/v1 by default. */
  base?: string
  fetch?: typeof fetch
  /** How long an answer may take, in ms. */
  limit?: number
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** JSON over /api/v1, with the log-in of the cookie. Every call may throw RestRefused. */
export class RestClient {
  readonly #base: string
  readonly #fetch: typeof fetch
  readonly #limit: number

  constructor(options: RestOptions = {}) {
    this.#base = options.base ?? '/api/v1'
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init))
    this.#limit = options.limit ?? 15_000
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    const given = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]))
    const search = new URLSearchParams(given).toString()
    return this.#call<T>('GET', search ? `${path}?${search}` : path)
  }

  /** An idempotency key makes repeating harmless: the same key and body get the first result. */
  post<T>(path: string, body?: unknown, idempotencyKey?: string): Promise<T> {
    return this.#call<T>('POST', path, body, idempotencyKey)
  }

  /** A Blob goes as it is. */
  put<T>(path: string, body: unknown): Promise<T> {
    return this.#call<T>('PUT', path, body)
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#call<T>('PATCH', path, body)
  }

  delete<T = void>(path: string): Promise<T> {
    return this.#call<T>('DELETE', path)
  }

  async #call<T>(method: string, path: string, body?: unknown, idempotencyKey?: string): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    const raw = body instanceof Blob
    if (body !== undefined) headers['Content-Type'] = raw ? 'application/octet-stream' : 'application/json'
    if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey
    const init: RequestInit = { method, headers, credentials: 'same-origin', signal: AbortSignal.timeout(raw ? this.#limit * 8 : this.#limit) }
    if (body !== undefined) init.body = raw ? body : JSON.stringify(body)
    const answer = await this.#fetch(this.#base + path, init).catch((why: unknown) => {
      const late = why instanceof DOMException && why.name === 'TimeoutError'
      throw new RestRefused(0, late ? 'late' : 'offline', late ? 'The server did not answer in time.' : 'The server cannot be reached.')
    })
    const text = await answer.text().catch(() => '')
    if (!answer.ok) throw refusalOf(answer.status, text)
    return (text ? JSON.parse(text) : undefined) as T
  }
}

interface Problem {
  code: string
  text: string
  field: string
  tries_left: number
  retry_after: number
}

/** The error body is a Problem of docs/openapi.json; a proxy may answer with something else. */
function refusalOf(status: number, body: string): RestRefused {
  try {
    const { code, text, field, tries_left: triesLeft, retry_after: retryAfter } = JSON.parse(body) as Partial<Problem>
    const detail = { ...(triesLeft !== undefined && { triesLeft }), ...(retryAfter !== undefined && { retryAfter }) }
    if (code) return new RestRefused(status, code, text ?? code, field, detail)
  } catch {
    // Not JSON: what stands below is all that can be said.
  }
  return new RestRefused(status, `http_${status}`, `The server answered ${status}.`)
}
