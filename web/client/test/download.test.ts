import { expect, it, vi } from 'vitest'
import { download } from '../src/download.ts'

const asked = (answer: Response | Error) => vi.fn<typeof fetch>(() => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)))
const fetched = (answer: Response | Error, signal = new AbortController().signal) => {
  const came: number[] = []
  return { came, got: download('/file', bytes => came.push(bytes), signal, asked(answer)) }
}

/** A body in parts, which breaks off or ends. */
function body(parts: readonly string[], ends: boolean): ReadableStream<Uint8Array> {
  const left = [...parts]
  return new ReadableStream({
    pull(controller) {
      const next = left.shift()
      if (next !== undefined) controller.enqueue(new TextEncoder().encode(next))
      else if (ends) controller.close()
      else controller.error(new TypeError('network'))
    },
  })
}

it('gives a file with the name that the server gave it, and says how much is here', async () => {
  const { came, got } = fetched(new Response(body(['abc', 'de'], true), { headers: { 'Content-Disposition': 'attachment; filename="visitor-7.zip"' } }))
  const { name, content } = await got
  expect([name, await content.text(), came]).toEqual(['visitor-7.zip', 'abcde', [3, 5]])
})

it('gives no part of a file for the whole', async () => {
  await expect(fetched(new Response(body(['abc'], false))).got).rejects.toMatchObject({ code: 'cut_short' })
})

it('says why there is none', async () => {
  await expect(fetched(new TypeError('no network')).got).rejects.toMatchObject({ status: 0, code: 'offline' })
  await expect(fetched(new Response('{"code":"not_allowed","text":"Ask an admin."}', { status: 403 })).got).rejects.toMatchObject({ status: 403, code: 'not_allowed' })
  await expect(fetched(new Response('<h1>Bad gateway</h1>', { status: 502 })).got).rejects.toMatchObject({ code: 'http_502' })
  await expect(fetched(new TypeError('aborted'), AbortSignal.abort()).got).rejects.toMatchObject({ code: 'stopped' })
})
