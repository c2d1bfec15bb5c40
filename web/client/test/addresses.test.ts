import { describe, expect, it } from 'vitest'
import { Addresses } from '../src/files/addresses.ts'
import { ask, FileRefused, pathOf, preview, type Send } from '../src/files/door.ts'
import { hasFiles } from '../src/files/given.ts'
import { endingOf, fitted, kindOf, safeName } from '../src/files/kinds.ts'
import { FakeWorld } from './fakes.ts'

function addresses(answer: (ids: string[]) => { status: number; body: string }) {
  const world = new FakeWorld()
  const asked: string[][] = []
  const send: Send = async ({ path, body, headers }) => {
    const { files } = JSON.parse(String(body)) as { files: string[] }
    expect([path, headers['Authorization']]).toEqual(['/files/v1/addresses', 'Bearer me'])
    asked.push(files)
    return answer(files)
  }
  return { world, asked, known: new Addresses({ world, send, headers: () => ({ Authorization: 'Bearer me' }) }) }
}

const hour = 3_600_000
const signed = (world: FakeWorld, ids: string[]) => ({
  status: 200, body: JSON.stringify({ until: world.time + hour, addresses: Object.fromEntries(ids.filter(id => id !== 'hidden').map(id => [id, `/files/${id}/x?sign=${world.time}`])) }),
})

describe('the addresses of files', () => {
  it('are asked for together, once, and anew before they end', async () => {
    const { world, asked, known } = addresses(ids => signed(world, ids))
    for (const id of ['1', '2', '1', 'hidden']) known.want(id)
    await world.pass(20)
    known.want('1')
    await world.pass(1_000)
    expect(asked).toEqual([['1', '2', 'hidden']])
    await world.pass(200_000)
    expect(asked.slice(1)).toEqual(Array.from({ length: 5 }, () => ['hidden'])) // it may come yet, but not for ever
    expect(Object.keys(known.known.get())).toEqual(['1', '2'])
    const first = known.known.get()['1']
    await world.pass(hour - 300_000)
    expect(known.known.get()['1']).not.toBe(first)
  })

  it('of a message that was kept late are asked for at once', async () => {
    let kept = false
    const { world, asked, known } = addresses(ids => signed(world, kept ? ids.map(id => id.replace('hidden', 'seen')) : ids))
    for (const id of ['hidden', '1']) known.want(id)
    await world.pass(20)
    await world.pass(14_500)
    const before = asked.length
    kept = true
    known.kept()
    await world.pass(20)
    expect(asked.slice(before)).toEqual([['hidden']])
    expect(Object.keys(known.known.get())).toContain('seen')
  })

  it('are asked for by a hundred at most, and again where no answer came', async () => {
    let lost = 1
    const { world, asked, known } = addresses(ids => (lost-- > 0 ? { status: 503, body: '' } : signed(world, ids)))
    for (let i = 0; i < 150; i++) known.want(String(i))
    await world.pass(20)
    await world.pass(2_000)
    expect(asked.map(ids => ids.length)).toEqual([100, 100, 50])
    expect(Object.keys(known.known.get())).toHaveLength(150)
  })
})

describe('a request about files', () => {
  const signal = new AbortController().signal
  const answered = (status: number, body: string) => ask(async () => ({ status, body }), { method: 'GET', path: '/', headers: {}, signal })

  it('says why it failed, also where a proxy answered', async () => {
    await expect(answered(415, '{"code":"file_type_refused"}')).rejects.toMatchObject({ code: 'file_type_refused', again: false })
    await expect(answered(429, '{"code":"rate_limited","retry_after":900}')).rejects.toMatchObject({ again: true, after: 900 })
    await expect(answered(507, '{"code":"quota_reached"}')).rejects.toMatchObject({ again: false })
    await expect(answered(502, '<html>')).rejects.toMatchObject({ code: 'http_502', again: true })
    await expect(answered(413, 'null')).rejects.toMatchObject({ code: 'http_413', again: false })
    await expect(ask(() => Promise.reject(new Error('x')), { method: 'GET', path: '/', headers: {}, signal })).rejects.toEqual(new FileRefused(0, 'offline'))
  })

  it('names a file in its address for people, and nothing else', () => {
    expect(pathOf({ id: '7', name: 'a/b?.jpg' })).toBe('/files/7/a_b%3F.jpg')
    expect(pathOf({ id: '7', name: '..' })).toBe('/files/7/_')
    expect([preview('/files/7/a', 320), preview('/files/7/a?sign=x', 1280)]).toEqual(['/files/7/a?size=320', '/files/7/a?sign=x&size=1280'])
  })
})

describe('a file', () => {
  it('is a picture once it is measured, a video by its type, else a download', () => {
    expect(kindOf({ type: 'image/png', width: 3, height: 4 })).toBe('picture')
    expect(kindOf({ type: 'image/svg+xml' })).toBe('file')
    expect(kindOf({ type: 'video/mp4' })).toBe('video')
  })

  it('has its place before it is loaded', () => {
    expect(fitted({ width: 4000, height: 2000 }, 240, 320)).toEqual({ width: 240, height: 120 })
    expect(fitted({ width: 1000, height: 4000 }, 240, 320)).toEqual({ width: 80, height: 320 })
    expect(fitted({ width: 100, height: 60 }, 240, 320)).toEqual({ width: 100, height: 60 })
    expect(fitted({ width: 8000, height: 10 }, 240, 320)).toEqual({ width: 240, height: 48 })
  })

  it('cannot seem to end otherwise than it does', () => {
    expect(safeName('invoice\u202egpj.exe')).toBe('invoicegpj.exe')
    expect(safeName('\u2066')).toBe('_')
    expect([endingOf('a.tar.gz'), endingOf('فاتورة.pdf'), endingOf('README'), endingOf('x.verylongending')]).toEqual(['GZ', 'PDF', '', ''])
  })

  it('comes by paste or drop, but not with a copied text', () => {
    expect(hasFiles({ types: ['Files'] })).toBe(true)
    expect(hasFiles({ types: ['text/html', 'Files'] })).toBe(true)
    expect(hasFiles({ types: ['text/plain', 'text/html', 'text/rtf', 'Files'] })).toBe(false)
    expect(hasFiles({ types: ['text/plain'] })).toBe(false)
  })
})
