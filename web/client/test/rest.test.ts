import { expect, it } from 'vitest'
import { RestClient, RestRefused } from '../src/index.ts'

function rest(status: number, body: string) {
  const calls: { url: string; init: RequestInit }[] = []
  const client = new RestClient({ fetch: (url, init = {}) => (calls.push({ url: String(url), init }), Promise.resolve(new Response(status === 204 ? null : body, { status }))) })
  return { client, calls }
}

it('sends and reads JSON', async () => {
  const { client, calls } = rest(200, '{"id":"7"}')
  expect(await client.post('/sites', { name: '山间' }, 'key-1')).toEqual({ id: '7' })
  expect(calls[0]?.url).toBe('/api/v1/sites')
  expect(calls[0]?.init).toMatchObject({ method: 'POST', body: '{"name":"山间"}', headers: { 'Idempotency-Key': 'key-1', 'Content-Type': 'application/json' } })
  await client.get('/people', { q: 'a b', limit: 5, after: undefined })
  expect(calls[1]?.url).toBe('/api/v1/people?q=a+b&limit=5')
})

it('reads nothing from an empty answer', async () => {
  expect(await rest(204, '').client.delete('/sites/7')).toBeUndefined()
})

it('refuses with the code, the text and the field', async () => {
  const why = await rest(422, '{"code":"bad_name","text":"too short","field":"name"}').client.put('/me', {}).catch((error: unknown) => error)
  expect(why).toBeInstanceOf(RestRefused)
  expect(why).toMatchObject({ status: 422, code: 'bad_name', message: 'too short', field: 'name' })
})

it('has a code also when a proxy answers, or nobody', async () => {
  await expect(rest(502, '<html>').client.get('/me')).rejects.toMatchObject({ status: 502, code: 'http_502' })
  const gone = new RestClient({ fetch: () => Promise.reject(new TypeError('failed')) })
  await expect(gone.get('/me')).rejects.toMatchObject({ status: 0, code: 'offline' })
  const slow = new RestClient({ limit: 1, fetch: (_, init) => new Promise((_, failed) => init?.signal?.addEventListener('abort', () => failed(init.signal?.reason as Error))) })
  await expect(slow.get('/me')).rejects.toMatchObject({ code: 'late' })
})
