import { RestRefused } from './rest.ts'

/** A file that was fetched whole. */
export interface Download {
  name: string
  content: Blob
}

/** The longest silence while a file comes, in ms. */
const silence = 60_000

/**
 * Fetches a file whole, so that one that ends too early is told apart from one that is complete. `came` is told how
 * many bytes are here. Throws RestRefused: what the server refused, `offline` where it cannot be reached, `late` where
 * it fell silent, `cut_short` where the file broke off, `stopped` by `signal`.
 */
export async function download(path: string, came: (bytes: number) => void, signal: AbortSignal, fetching: typeof fetch = (input, init) => fetch(input, init)): Promise<Download> {
  const quiet = new AbortController()
  let timer = setTimeout(() => { quiet.abort() }, silence)
  const why = (code: string) => new RestRefused(0, signal.aborted ? 'stopped' : quiet.signal.aborted ? 'late' : code, code)
  try {
    const answer = await fetching(path, { credentials: 'same-origin', signal: AbortSignal.any([signal, quiet.signal]) }).catch(() => { throw why('offline') })
    if (!answer.ok) throw await refusalOf(answer)
    const parts: BlobPart[] = []
    let bytes = 0
    const reader = answer.body?.getReader()
    for (;;) {
      const next = await reader?.read().catch(() => { throw why('cut_short') })
      if (!next || next.done) break
      clearTimeout(timer)
      timer = setTimeout(() => { quiet.abort() }, silence)
      parts.push(next.value)
      came(bytes += next.value.byteLength)
    }
    const name = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? 'export.zip'
    return { name, content: new Blob(parts, { type: answer.headers.get('Content-Type') ?? '' }) }
  } finally {
    clearTimeout(timer)
  }
}

async function refusalOf(answer: Response): Promise<RestRefused> {
  const problem = await answer.json().catch(() => ({})) as { code?: string; text?: string }
  return new RestRefused(answer.status, problem.code ?? `http_${answer.status}`, problem.text ?? '')
}
