import { describe, expect, it } from 'vitest'
import { Outbox, type OutboxItem } from '../src/outbox.ts'
import { TabKeep } from '../src/keep.ts'
import { type ClientFrame } from '../src/wire.ts'
import { type Send } from '../src/files/door.ts'
import { Uploads } from '../src/files/uploads.ts'
import { FakeBrowser, FakeWorld, limits, settle } from './fakes.ts'

const part = 4

/** A server of files with parts of four bytes, whose network can be cut. */
class Door {
  readonly uploads = new Map<string, { name: string; size: number; parts: Map<number, string>; complete: boolean; site?: string }>()
  readonly asked: string[] = []
  cut = false
  /** Answers that stand for what the server would say to a request. */
  refuse: (asked: string) => { status: number; code: string; after?: number } | undefined = () => undefined
  /** Requests of this kind wait until they are let go. */
  hold: RegExp | undefined
  readonly holding: (() => void)[] = []
  most = 0
  private now = 0

  readonly send: Send = async ({ method, path, body, headers, signal }) => {
    const asked = `${method} ${path.replace('/files/v1/uploads', '')}`
    this.asked.push(asked)
    this.most = Math.max(this.most, ++this.now)
    try {
      if (this.hold?.test(asked)) await new Promise<void>((go, stop) => {
        this.holding.push(go)
        signal.addEventListener('abort', () => stop(new Error('aborted')))
      })
      if (this.cut || signal.aborted) throw new Error('no answer')
      const no = this.refuse(asked)
      if (no) return { status: no.status, body: JSON.stringify({ code: no.code, text: no.code, retry_after: no.after }) }
      if (headers['Authorization'] !== 'Bearer me') return { status: 401, body: '{"code":"not_logged_in"}' }
      const text = body instanceof Blob ? await body.text() : body ?? ''
      return this.answer(method, path, text)
    } finally {
      this.now--
    }
  }

  private answer(method: string, path: string, body: string): { status: number; body: string } {
    const [, , , , id = '', what, n] = path.split('/')
    const say = (status: number, what: object = {}) => ({ status, body: JSON.stringify(what) })
    if (method === 'POST' && !id) {
      const made = String(this.uploads.size + 1)
      const { name, size, site } = JSON.parse(body) as { name: string; size: number; site?: string }
      this.uploads.set(made, { name, size, parts: new Map(), complete: false, ...(site && { site }) })
      return say(201, { id: made, part_bytes: part, parts: [], complete: false })
    }
    const upload = this.uploads.get(id)
    if (!upload) return say(404, { code: 'not_found' })
    if (method === 'PUT' && what === 'parts') return upload.parts.set(Number(n), body), say(204)
    if (method === 'GET') return say(200, { id, part_bytes: part, parts: [...upload.parts.keys()], complete: upload.complete })
    if (method === 'DELETE') return this.uploads.delete(id), say(204)
    upload.complete = true
    return say(200, { id, name: upload.name, type: 'text/plain', size: upload.size })
  }

  content(id: string): string {
    return [...(this.uploads.get(id)?.parts ?? [])].sort(([a], [b]) => a - b).map(([, text]) => text).join('')
  }
}

function house(browser = new FakeBrowser()) {
  const world = new FakeWorld()
  const door = new Door()
  const tab = browser.tab()
  const sent: ClientFrame[] = []
  let made = 0
  const outbox = new Outbox(world, {
    newId: () => `${tab.id}-${String(++made).padStart(4, '0')}`, send: frame => (sent.push(frame), true), doubt: () => {}, keep: new TabKeep(tab, 'KEY.v1'),
  })
  const headers = { Authorization: 'Bearer me' }
  const uploads = new Uploads({
    world, send: door.send, headers: () => headers, outbox: () => outbox, items: outbox.items, most: () => 40, picture: () => undefined,
    site: place => place && `site of ${place}`,
  })
  const write = (text: string, c = '') => uploads.give(c, files => (outbox.add(c, 'send', text, files) ? undefined : 'full'))
  const states = () => uploads.state.get().map(({ name, state, code }) => [name, state, ...(code ? [code] : [])])
  return { browser, tab, world, door, outbox, uploads, sent, headers, write, states, shown: () => outbox.items.get().map(({ text, state, code }) => [text, state, ...(code ? [code] : [])]) }
}

const file = (name: string, text = 'hello world') => new File([text], name, { type: 'text/plain' })

/** Lets blobs be read, which takes real turns of the event loop. */
async function until(what: () => boolean, world?: FakeWorld): Promise<void> {
  for (let i = 0; i < 500 && !what(); i++) {
    await new Promise(done => setTimeout(done))
    await settle()
    if (world && i % 20 === 19) await world.pass(1_000)
  }
  expect(what()).toBe(true)
}

describe('an upload', () => {
  it('goes up in parts and is complete', async () => {
    const { door, uploads, states } = house()
    uploads.add('c1', [file('a.txt')])
    await until(() => states()[0]?.[1] === 'done')
    expect(door.asked).toEqual(['POST ', 'PUT /1/parts/1', 'PUT /1/parts/2', 'PUT /1/parts/3', 'POST /1/complete'])
    expect([door.content('1'), door.uploads.get('1')?.site]).toEqual(['hello world', 'site of c1'])
    expect(uploads.state.get()[0]).toMatchObject({ sent: 11, size: 11, file: { id: '1' } })
  })

  it('asks for nothing once it is cancelled while the file is looked at', async () => {
    const { door, uploads } = house()
    uploads.add('c1', [file('a.txt'), file('b.txt')])
    const [a, b] = uploads.state.get()
    uploads.cancel(a?.key ?? '')
    await until(() => uploads.find(b?.key)?.state === 'done')
    expect([...door.uploads.values()].map(({ name }) => name)).toEqual(['b.txt'])
    expect(door.asked.filter(asked => asked === 'POST ')).toHaveLength(1)
  })

  it('asks after a cut which parts are there, and sends only the others', async () => {
    const { door, uploads, states, world } = house()
    door.hold = /parts\/2/
    uploads.add('', [file('a.txt')])
    await until(() => door.holding.length === 1)
    door.cut = true
    door.hold = undefined
    door.holding[0]?.()
    await until(() => states()[0]?.[1] === 'waiting')
    await world.pass(10_000)
    await until(() => door.asked.length > 5, world)
    door.cut = false
    await until(() => states()[0]?.[1] === 'done', world)
    expect(door.asked.filter(asked => asked === 'PUT /1/parts/1')).toHaveLength(1)
    expect(door.asked.filter(asked => asked === 'POST ')).toHaveLength(1)
    expect(door.content('1')).toBe('hello world')
  })

  it('repeats a complete whose answer was lost', async () => {
    const { door, uploads, states, world } = house()
    let lost = 0
    door.refuse = asked => (asked.endsWith('/complete') && lost++ === 0 ? { status: 503, code: 'unavailable', after: 700 } : undefined)
    uploads.add('', [file('a.txt')])
    await until(() => states()[0]?.[1] === 'waiting')
    await world.pass(699)
    await settle()
    expect(door.asked.filter(asked => asked.endsWith('complete'))).toHaveLength(1)
    await until(() => states()[0]?.[1] === 'done', world)
  })

  it('begins anew when the server has lost it', async () => {
    const { door, uploads, states, world } = house()
    door.hold = /parts\/3/
    uploads.add('', [file('a.txt')])
    await until(() => door.holding.length === 1)
    door.uploads.clear()
    door.hold = undefined
    door.holding[0]?.()
    await until(() => states()[0]?.[1] === 'done', world)
    expect(door.asked.filter(asked => asked === 'POST ')).toHaveLength(2)
    expect(door.content('1')).toBe('hello world')
  })

  it.each([[413, 'file_too_large'], [415, 'file_type_refused'], [507, 'quota_reached'], [422, 'bad_value']])('fails for good with %s %s, and can be tried again by hand', async (status, code) => {
    const { door, uploads, states } = house()
    door.refuse = () => ({ status, code })
    uploads.add('', [file('a.txt')])
    await until(() => states()[0]?.[1] === 'failed')
    expect(states()).toEqual([['a.txt', 'failed', code]])
    expect(door.asked).toHaveLength(1)
    door.refuse = () => undefined
    uploads.retry(uploads.state.get()[0]?.key ?? '')
    await until(() => states()[0]?.[1] === 'done')
  })

  it('is refused here when it is empty or too large, without a request', async () => {
    const { door, uploads, states } = house()
    uploads.add('', [file('empty', ''), file('large', 'x'.repeat(41))])
    await settle()
    expect(states()).toEqual([['empty', 'failed', 'empty'], ['large', 'failed', 'file_too_large']])
    expect(door.asked).toEqual([])
  })

  it('fails when the file itself cannot be read any longer', async () => {
    const { uploads, states } = house()
    const gone = file('gone.txt')
    gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('NotFoundError')) }) as unknown as Blob
    uploads.add('', [gone])
    await until(() => states()[0]?.[1] === 'failed')
    expect(states()).toEqual([['gone.txt', 'failed', 'unreadable']])
  })

  it('that is cancelled stops, and is deleted on the server', async () => {
    const { door, uploads, states } = house()
    door.hold = /parts\/2/
    uploads.add('', [file('a.txt'), file('b.txt')])
    await until(() => door.holding.length === 2)
    uploads.cancel(uploads.state.get()[0]?.key ?? '')
    expect(states()).toEqual([['b.txt', 'sending']])
    await until(() => door.asked.includes('DELETE /1'))
    expect(door.asked).not.toContain('PUT /1/parts/3')
  })
})

describe('ten files', () => {
  it('keep their order, go up three at a time, and an eleventh is left out', async () => {
    const { door, uploads, states } = house()
    const names = Array.from({ length: 11 }, (_, i) => `${i}.txt`)
    expect(uploads.add('', names.map(name => file(name)))).toBe(1)
    await until(() => states().every(([, state]) => state === 'done'))
    expect(states().map(([name]) => name)).toEqual(names.slice(0, 10))
    expect(door.most).toBe(3)
  })
})

describe('what stands in a composer', () => {
  it('moves to another one, behind what stands there, while it goes up; what belongs to a message stays', async () => {
    const { door, uploads, write, states } = house()
    door.hold = /parts/
    uploads.add('old', [file('sent.txt')])
    write('with a file', 'old')
    uploads.add('new', [file('first.txt')])
    uploads.add('old', [file('a.txt'), file('b.txt')])
    await until(() => door.holding.length === 3)
    expect(uploads.move('old', 'new')).toBe(0)
    const namesIn = (place: string) => uploads.inComposer(place).map(({ name }) => name)
    expect([namesIn('old'), namesIn('new')]).toEqual([[], ['first.txt', 'a.txt', 'b.txt']])
    expect(uploads.state.get().find(({ taken }) => taken)).toMatchObject({ name: 'sent.txt', place: 'old' })
    door.hold = undefined
    for (const go of door.holding) go()
    await until(() => states().every(([, state]) => state === 'done'))
    expect([...door.uploads.values()].map(({ name, site }) => [name, site])).toEqual([
      ['sent.txt', 'site of old'], ['first.txt', 'site of new'], ['a.txt', 'site of old'], ['b.txt', 'site of old'],
    ])
  })

  it('stays where the other one has no room for it', () => {
    const { uploads } = house()
    const some = (n: number) => Array.from({ length: n }, (_, i) => file(`${i}.txt`, ''))
    uploads.add('old', some(4))
    uploads.add('new', some(8))
    expect(uploads.move('old', 'new')).toBe(2)
    expect(['old', 'new'].map(place => uploads.inComposer(place).length)).toEqual([2, 10])
    expect(uploads.move('old', 'new')).toBe(2)
  })
})

describe('a message with files', () => {
  it('waits for them in its place, and is one frame with its text', async () => {
    const { door, outbox, uploads, sent, write, states } = house()
    outbox.online(limits)
    door.hold = /complete/
    uploads.add('', [file('a.txt'), file('b.txt')])
    write('look')
    write('and then')
    await until(() => door.holding.length === 2)
    expect(sent).toEqual([])
    expect(uploads.inComposer('')).toEqual([])
    door.holding[1]?.() // the second one is complete first
    door.hold = undefined
    await until(() => states().some(([, state]) => state === 'done'))
    expect(sent).toEqual([])
    door.holding[0]?.()
    await until(() => sent.length > 0)
    expect(sent).toMatchObject([{ t: 'send', text: 'look', files: ['1', '2'] }])
    outbox.ack({ t: 'ack', id: (sent[0] as { id: string }).id, c: '', n: 1, tag: 1, at: 1 })
    expect(sent[1]).toMatchObject({ text: 'and then' })
    expect(sent[1]).not.toHaveProperty('files')
  })

  it('is not marked too big when the connection ends while it waits', async () => {
    const { door, outbox, uploads, write, shown } = house()
    outbox.online(limits)
    door.hold = /complete/
    uploads.add('', [file('a.txt')])
    write('look')
    outbox.offline(1009)
    expect(shown()).toEqual([['look', 'waiting']])
  })

  it('fails with its file, and goes out when that is tried again', async () => {
    const { door, outbox, uploads, sent, write, shown } = house()
    outbox.online(limits)
    door.refuse = () => ({ status: 507, code: 'quota_reached' })
    uploads.add('', [file('a.txt')])
    write('look')
    write('next')
    await until(() => shown()[0]?.[1] === 'failed')
    expect(shown()).toEqual([['look', 'failed', 'quota_reached'], ['next', 'sending']])
    door.refuse = () => undefined
    outbox.ack({ t: 'ack', id: (sent[0] as { id: string }).id, c: '', n: 1, tag: 1, at: 1 })
    uploads.resend(outbox.items.get()[0]?.id ?? '')
    await until(() => sent.length === 2)
    expect(sent[1]).toMatchObject({ text: 'look', files: ['1'] })
  })

  it('goes out without a file that was cancelled; one of which nothing is left is gone', async () => {
    const { door, outbox, uploads, sent, write, shown } = house()
    outbox.online(limits)
    door.hold = /parts/
    uploads.add('', [file('a.txt')])
    write('')
    uploads.add('', [file('b.txt')])
    write('still said')
    await until(() => door.holding.length === 2)
    const [a, b] = uploads.state.get().map(({ key }) => key)
    uploads.cancel(a ?? '')
    expect(shown()).toEqual([['still said', 'waiting']])
    uploads.cancel(b ?? '')
    expect(sent).toMatchObject([{ text: 'still said' }])
    expect(sent[0]).not.toHaveProperty('files')
  })

  it('survives a reload when it is complete, and fails as unfinished when it is not', async () => {
    const { browser, tab, door, uploads, write, states } = house()
    uploads.add('', [file('a.txt')])
    await until(() => states()[0]?.[1] === 'done')
    write('complete')
    door.hold = /complete/
    uploads.add('', [file('b.txt')])
    write('not complete')
    await until(() => door.holding.length === 1)
    browser.kill(tab.id)
    const after = house(browser)
    await settle()
    after.outbox.online(limits)
    expect(after.shown()).toEqual([['complete', 'sending'], ['not complete', 'failed', 'unfinished']])
    expect(after.sent).toMatchObject([{ text: 'complete', files: ['1'] }])
    const unfinished = after.outbox.items.get()[1] as OutboxItem
    expect(unfinished.files).toMatchObject([{ name: 'b.txt', id: '' }])
    after.outbox.ack({ t: 'ack', id: after.outbox.items.get()[0]?.id ?? '', c: '', n: 1, tag: 1, at: 1 })
    after.uploads.resend(unfinished.id) // what cannot be had again is left out
    expect(after.sent.at(-1)).toMatchObject({ text: 'not complete' })
    expect(after.sent.at(-1)).not.toHaveProperty('files')
  })

  it('keeps its files in the composer when it does not come about', () => {
    const { uploads } = house()
    uploads.add('', [file('a.txt')])
    expect(uploads.give('', () => 'full')).toBe('full')
    expect(uploads.inComposer('')).toHaveLength(1)
  })

  it('leaves nothing in memory once its event is here', async () => {
    const { outbox, uploads, sent, write } = house()
    outbox.online(limits)
    uploads.add('', [file('a.txt')])
    write('look')
    await until(() => sent.length === 1)
    const { id } = sent[0] as { id: string }
    outbox.ack({ t: 'ack', id, c: '', n: 4, tag: 1, at: 1 })
    expect(uploads.state.get()).toHaveLength(1)
    outbox.applied('', { n: 4, id })
    expect(uploads.state.get()).toEqual([])
  })

  it('goes up once more when the server does not know its files', async () => {
    const { door, outbox, uploads, sent, write, shown } = house()
    outbox.online(limits)
    uploads.add('', [file('a.txt')])
    write('look')
    await until(() => sent.length === 1)
    outbox.error({ t: 'error', id: (sent[0] as { id: string }).id, code: 'bad_files', text: 'gone', do: 'fix' })
    expect(shown()).toEqual([['look', 'failed', 'bad_files']])
    uploads.resend(outbox.items.get()[0]?.id ?? '')
    await until(() => sent.length === 2)
    expect(sent[1]).toMatchObject({ text: 'look', files: ['2'] })
    expect(door.content('2')).toBe('hello world')
  })
})
