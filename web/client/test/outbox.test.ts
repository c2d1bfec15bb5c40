import { describe, expect, it } from 'vitest'
import { TabKeep, type Tabs } from '../src/keep.ts'
import { mostItems, oldAge, Outbox } from '../src/outbox.ts'
import { type ClientFrame, type ServerError } from '../src/wire.ts'
import { FakeBrowser, FakeWorld, limits, settle } from './fakes.ts'

let made = 0

function outbox(tabs: Tabs, world = new FakeWorld(), owner = 'KEY.v1') {
  const sent: ClientFrame[] = []
  const box = new Outbox(world, {
    newId: () => `id-${String(++made).padStart(4, '0')}`, send: frame => (sent.push(frame), true), doubt: () => {}, keep: new TabKeep(tabs, owner),
  })
  const error = (id: string, how: Partial<ServerError>) => box.error({ t: 'error', id, code: 'bad_text', text: 'why', do: 'fix', ...how })
  const ack = (id: string, n = 1) => box.ack({ t: 'ack', id, c: '', n, tag: 1, at: 1 })
  const shown = () => box.items.get().map(({ text, state }) => [text, state])
  const add = (text: string) => box.add('', 'send', text)?.id ?? ''
  return { box, sent, world, error, ack, shown, add, ids: () => box.items.get().map(({ id }) => id) }
}

describe('an outbox', () => {
  it('has one under way, and goes on with the next after its ack', () => {
    const { box, sent, add, ack, shown } = outbox(new FakeBrowser().tab())
    const first = add('one')
    add('two')
    box.online(limits)
    expect(sent.map(frame => 'text' in frame && frame.text)).toEqual(['one'])
    ack(first, 3)
    expect(sent.map(frame => 'text' in frame && frame.text)).toEqual(['one', 'two'])
    expect(shown()).toEqual([['one', 'sent'], ['two', 'sending']])
    box.applied('', { n: 3, id: first })
    expect(shown()).toEqual([['two', 'sending']])
  })

  it('sends in different conversations at the same time', () => {
    const { box, sent } = outbox(new FakeBrowser().tab())
    box.add('c1', 'send', 'one')
    box.add('c2', 'note', 'two')
    box.online(limits)
    expect(sent.map(frame => frame.t)).toEqual(['send', 'note'])
  })

  it('repeats with the same id after a lost connection', () => {
    const { box, sent, add } = outbox(new FakeBrowser().tab())
    const id = add('one')
    box.online(limits)
    box.offline(1006)
    box.online(limits)
    expect(sent.map(frame => 'id' in frame && frame.id)).toEqual([id, id])
  })

  it('repeats on the same connection when the ack does not come', async () => {
    const { box, sent, world, add } = outbox(new FakeBrowser().tab())
    const id = add('one')
    box.online(limits)
    await world.pass(15_000)
    expect(sent.map(frame => 'id' in frame && frame.id)).toEqual([id, id])
  })

  it('pauses on "retry" and keeps the order', async () => {
    const { box, sent, world, add, error } = outbox(new FakeBrowser().tab())
    const first = add('one')
    add('two')
    box.online(limits)
    error(first, { code: 'busy', do: 'retry', retry_after: 700 })
    await world.pass(699)
    expect(sent.length).toBe(1)
    await world.pass(1)
    expect(sent.map(frame => 'id' in frame && frame.id)).toEqual([first, first])
  })

  it('marks the refused failed on "fix", goes on, and gives it a new id when it is sent again', () => {
    const { box, sent, add, error, shown } = outbox(new FakeBrowser().tab())
    const first = add('one')
    const second = add('two')
    box.online(limits)
    error(first, { do: 'fix' })
    expect(shown()).toEqual([['one', 'failed'], ['two', 'sending']])
    error(second, { do: 'fix' })
    box.resend(first)
    const again = sent.at(-1)
    expect(again).toMatchObject({ text: 'one' })
    expect(again && 'id' in again && again.id).not.toBe(first)
  })

  it('sends nothing more on "stop", until the next hello', () => {
    const { box, sent, add, error, shown } = outbox(new FakeBrowser().tab())
    const first = add('one')
    add('two')
    box.online(limits)
    error(first, { do: 'stop' })
    expect(sent.length).toBe(1)
    expect(shown()).toEqual([['one', 'failed'], ['two', 'waiting']])
    box.offline(4500)
    box.online(limits)
    expect(sent.length).toBe(2)
  })

  it('marks what was under way failed when the frame was too big, keeps its id, and sends the next', () => {
    const { box, sent, add, shown } = outbox(new FakeBrowser().tab())
    const first = add('one')
    add('two')
    box.online(limits)
    box.offline(1009)
    box.online(limits)
    expect(shown()).toEqual([['one', 'failed'], ['two', 'sending']])
    box.offline(1006)
    box.resend(first)
    box.online(limits)
    expect(sent.map(frame => 'id' in frame && frame.id).at(-1)).toBe(first)
  })

  it('does not send a frame that is over the bound at all', () => {
    const { box, sent, add, shown } = outbox(new FakeBrowser().tab())
    box.online({ ...limits, frame_bytes: 100 })
    add('x'.repeat(100))
    expect(sent).toEqual([])
    expect(shown()).toEqual([['x'.repeat(100), 'failed']])
  })

  it('is bounded', () => {
    const { box } = outbox(new FakeBrowser().tab())
    for (let i = 0; i < mostItems; i++) expect(box.add('', 'send', 'x')).toBeDefined()
    expect(box.add('', 'send', 'one too many')).toBeUndefined()
  })

  it('survives a reload, and one that is older than seven days waits for a tap and gets a new id', async () => {
    const browser = new FakeBrowser()
    const tab = browser.tab()
    const before = outbox(tab)
    const old = before.add('old')
    before.world.time += oldAge
    const young = before.add('young')
    browser.kill(tab.id)
    const world = new FakeWorld()
    world.time = before.world.time + 1
    const after = outbox(browser.tab(), world)
    await settle()
    expect(after.shown()).toEqual([['old', 'failed'], ['young', 'waiting']])
    after.box.online(limits)
    expect(after.sent.map(frame => 'id' in frame && frame.id)).toEqual([young])
    after.ack(young)
    after.box.resend(old)
    expect(after.sent.at(-1)).toMatchObject({ text: 'old' })
    expect(after.ids()).not.toContain(old)
  })

  it('is never read by somebody else', async () => {
    const browser = new FakeBrowser()
    const tab = browser.tab()
    outbox(tab).add('mine')
    browser.kill(tab.id)
    const other = outbox(browser.tab(), new FakeWorld(), 'KEY.v2')
    await settle()
    expect(other.shown()).toEqual([])
  })

  it.each([{ shelf: true }, { channel: true }, { locks: true }, { shelf: true, channel: true, locks: true }])('works without %o', async without => {
    const { box, sent, add, ack, shown } = outbox(new FakeBrowser().tab(without))
    box.online(limits)
    ack(add('one'))
    await settle()
    expect(sent.length).toBe(1)
    expect(shown()).toEqual([['one', 'sent']])
  })

  it('takes nothing from storage that is not its own', async () => {
    const browser = new FakeBrowser()
    for (const [key, value] of [['x', '{'], ['y', '{}'], ['z', '[null,7,{"id":1},{"id":"a","c":"","t":"take","text":"x","at":1,"state":"waiting"}]']]) {
      browser.entries.set(`outbox.KEY.v1.${key}`, value ?? '')
    }
    const { shown } = outbox(browser.tab())
    await settle()
    expect(shown()).toEqual([])
  })
})

describe('two tabs', () => {
  it('show what the other sends, and do not send it themselves', async () => {
    const browser = new FakeBrowser()
    const [a, b] = [outbox(browser.tab()), outbox(browser.tab())]
    a.box.online(limits)
    b.box.online(limits)
    const id = a.add('one')
    await settle()
    expect(b.shown()).toEqual([['one', 'sending']])
    expect(b.sent).toEqual([])
    a.ack(id, 5)
    a.box.applied('', { n: 5, id })
    b.box.applied('', { n: 5, id })
    await settle()
    expect([a.shown(), b.shown()]).toEqual([[], []])
  })

  it('leave to each its own, while it lives', async () => {
    const browser = new FakeBrowser()
    const [a, b] = [outbox(browser.tab()), outbox(browser.tab())]
    a.add('one')
    await settle()
    b.box.online(limits)
    b.add('two')
    await settle()
    expect(b.shown()).toEqual([['one', 'waiting'], ['two', 'sending']])
    expect(b.sent).toMatchObject([{ text: 'two' }])
  })

  it('hand what is unsent to the one that stays, once', async () => {
    const browser = new FakeBrowser()
    const tab = browser.tab()
    const [a, b, c] = [outbox(tab), outbox(browser.tab()), outbox(browser.tab())]
    for (const one of [a, b, c]) one.box.online(limits)
    const id = a.add('one')
    await settle()
    browser.kill(tab.id)
    await settle()
    expect([...b.sent, ...c.sent]).toMatchObject([{ t: 'send', id, text: 'one' }])
    expect([b.shown(), c.shown()]).toEqual([[['one', 'sending']], [['one', 'sending']]])
  })

  it('can resend and delete what the other could not send', async () => {
    const browser = new FakeBrowser()
    const [a, b] = [outbox(browser.tab()), outbox(browser.tab())]
    a.box.online(limits)
    b.box.online(limits)
    a.error(a.add('one'), {})
    a.error(a.add('two'), {})
    await settle()
    const [one = '', two = ''] = b.ids()
    b.box.resend(one)
    b.box.discard(two)
    await settle()
    expect(b.sent).toMatchObject([{ text: 'one' }])
    expect(a.shown()).toEqual([['one', 'sending']])
  })

  it('do not bring back what the log has already shown', async () => {
    const browser = new FakeBrowser()
    const [a, b] = [outbox(browser.tab()), outbox(browser.tab())]
    a.box.online(limits)
    const id = a.add('one')
    await settle()
    b.box.applied('', { n: 1, id })
    a.ack(id, 1)
    await settle()
    expect(b.shown()).toEqual([])
  })
})
