import type { components } from './api.gen.js'

type Problem = components['schemas']['Problem']

/** What the server answers when it does not do what was asked for. Act on the code: docs/INTEGRATE.md explains each. */
export class KefuError extends Error {
  override readonly name = 'KefuError'

  constructor(
    /** Of HTTP. */
    readonly status: number,
    /** Such as not_yours; http_502 where it was not Kefu that answered. */
    readonly code: string,
    /** One sentence in English. */
    readonly text: string,
    /** Of the request, that has to be put right. */
    readonly field: string | undefined,
    /** In how many milliseconds it may be tried again. */
    readonly retryAfter: number | undefined,
    /** The present one, with a refused act in a conversation. */
    readonly round: Problem['round'],
  ) {
    super(`${code} (${field ? `${field}, ` : ''}${status}): ${text}`)
  }

  /** Whether the same request may go well a little later. */
  get passes(): boolean {
    return [429, 502, 503, 504].includes(this.status)
  }
}

export async function errorFrom(answer: Response): Promise<KefuError> {
  const seconds = Number(answer.headers.get('retry-after') ?? '')
  const after = seconds > 0 ? seconds * 1000 : undefined
  const said = await answer.json().catch(() => undefined) as Partial<Problem> | undefined
  if (!said?.code) {
    const to = answer.headers.get('location')
    const text = to ? `It redirects to ${to}: make the client with the address that it leads to.` : 'The answer is not one of Kefu: is there a proxy in between?'
    return new KefuError(answer.status, `http_${answer.status}`, text, undefined, after, undefined)
  }
  return new KefuError(answer.status, said.code, said.text ?? '', said.field, said.retry_after ?? after, said.round)
}
