import { describe, expect, it } from 'vitest'
import { Identity, type Gate, type IdentityOptions } from '../src/identity.ts'
import { nameOf, newSecret } from '../src/ids.ts'
import { VisitorClient } from '../src/index.ts'
import { subjectOf } from '../src/token.ts'
import { FakeBrowser, FakeWorld, helloFrame, settle } from './fakes.ts'

const base64 = (value: object) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value)))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
let tokens = 0
const tokenOf = (sub: string) => `${base64({ alg: 'HS256' })}.${base64({ sub, jti: `${++tokens}` })}.c2ln`

interface Asked {
  method: string
  body?: { token: string; exchange: string; secret?: string }
  bearer?: string | undefined
}

/** The server's door for log-ins: a token is spent by its first exchange, as the contract has it. */
class FakeLogIns {
  readonly asked: Asked[] = []
  private readonly spent = new Map<string, { exchange: string; logIn: string }>()
  /** Answers that are lost on their way, and refusals, for the next exchanges. */
  lose = 0
  refuse: string[] = []
  private made = 0

  readonly request: IdentityOptions['request'] = async ({ method, headers, body }) => {
    const asked: Asked = { method, ...(body && { body: JSON.parse(body) as NonNullable<Asked['body']> }), bearer: headers['Authorization'] }
    this.asked.push(asked)
    if (method === 'DELETE' || !asked.body) return answer(204, undefined)
    const code = this.refuse.shift()
    if (code) return answer(403, { code })
    const { token, exchange, secret } = asked.body
    const known = this.spent.get(token) ?? { exchange, logIn: `kfv_${String(++this.made).padStart(43, 'L')}` }
    this.spent.set(token, known)
    if (this.lose-- > 0) throw new TypeError('the network was lost')
    if (known.exchange !== exchange) return answer(409, { code: 'token_used' })
    return answer(200, { log_in: known.logIn, carried: !!secret })
  }

  get exchanges() {
    return this.asked.flatMap(({ body }) => (body ? [body] : []))
  }
}

const answer = (status: number, body: unknown) => ({ status, json: () => Promise.resolve(body) })

/** A tab whose page gives these tokens, one after the other. */
function tab(browser: FakeBrowser, logIns: FakeLogIns, give: (string | undefined)[] = [], unsent = true) {
  const world = new FakeWorld()
  world.seed = 1 + Math.floor(Math.random() * 1e9)
  const tabs = browser.tab()
  const client = new VisitorClient(world, tabs, { url: 'wss://kefu.example/ws/v1/visitor', site: 'KEY', language: 'en', page: { url: 'https://shop.example/' }, program: 'test' })
  const seen = { gates: [] as (Gate | undefined)[], failed: [] as string[], restarts: [] as boolean[], asked: 0, unsent: [] as number[] }
  const identity = new Identity({
    client, nameOf, newSecret, request: logIns.request,
    ask: () => (seen.asked++, Promise.resolve(give.shift())),
    start: () => { client.start() },
    failed: code => seen.failed.push(code),
    show: gate => seen.gates.push(gate),
    sure: async count => (seen.unsent.push(count), unsent),
    restart: samePerson => seen.restarts.push(samePerson),
  })
  client.start()
  const greet = (more = {}) => {
    world.last.open()
    world.last.say(helloFrame(more))
  }
  const turnAway = async (code: string, close = 4501) => {
    world.last.open()
    world.last.say({ t: 'error', code, do: 'stop', text: code })
    world.last.lose(close)
    const done = identity.stopped()
    await settle()
    return done
  }
  return { world, client, identity, tabs, greet, turnAway, seen, kept: (key: string) => browser.entries.get(key) }
}

const outbox = (browser: FakeBrowser) => [...browser.entries].filter(([key]) => key.startsWith('outbox.')).map(([key, value]) => ({ key, items: JSON.parse(value) as { text: string; state: string; id: string }[] }))

describe('a token', () => {
  it('is for somebody', () => {
    expect(subjectOf(tokenOf('张三 / 7'))).toBe('张三 / 7')
    for (const none of [undefined, '', 'undefined', 'a.b', 'a.b.c', `a.${base64({ sub: 7 })}.c`, `a.${base64({})}.c`, `${tokenOf('x')}.y`, 'x'.repeat(20_000)]) expect(subjectOf(none)).toBeUndefined()
  })

  it('becomes a log-in, which is kept', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    const one = tab(browser, logIns, [tokenOf('mia')])
    await one.identity.identify()
    expect(one.kept('secret')).toMatch(/^kfv_/)
    expect([one.kept('who'), one.kept('exchange'), one.seen.restarts]).toEqual(['mia', undefined, [true]])
    expect(logIns.exchanges[0]?.secret, 'nothing was begun that could go along').toBeUndefined()
    const again = tab(browser, logIns)
    again.greet()
    expect(again.world.last.sent[0]).toMatchObject({ t: 'hello', secret: one.kept('secret') })
  })

  it('is asked for only when there is no log-in of the person', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    await tab(browser, logIns, [tokenOf('mia')]).identity.identify('mia')
    const next = tab(browser, logIns)
    await next.identity.identify('mia')
    expect([next.seen.asked, next.seen.restarts, logIns.exchanges.length]).toEqual([0, [], 1])
    expect(next.client.connection.get().phase).toBe('connecting')
  })

  it('of a cached page is no error as long as the log-in is good', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    const old = tokenOf('mia')
    await tab(browser, logIns, [old]).identity.identify()
    const next = tab(browser, logIns, [old])
    await next.identity.identify()
    expect([next.seen.failed, next.seen.restarts, logIns.exchanges.length]).toEqual([[], [], 1])
  })

  it('whose answer was lost is sent again with the same exchange, also by the next page', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    logIns.lose = 4
    const one = tab(browser, logIns, [tokenOf('mia')])
    const done = one.identity.identify('mia')
    await one.world.pass(60_000)
    await done
    expect([one.seen.failed, one.seen.restarts, logIns.exchanges.length]).toEqual([['offline'], [], 4])
    const two = tab(browser, logIns, [tokenOf('mia')])
    await two.identity.identify('mia')
    expect(new Set(logIns.exchanges.map(({ token, exchange }) => token + exchange)).size).toBe(1)
    expect([two.seen.restarts, two.kept('who')]).toEqual([[true], 'mia'])
  })

  it('is exchanged once by two tabs', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    const [one, two] = [tab(browser, logIns, [tokenOf('mia')]), tab(browser, logIns, [tokenOf('mia')])]
    await Promise.all([one.identity.identify(), two.identity.identify()])
    expect(logIns.exchanges.length).toBe(1)
    expect([one.seen.restarts, two.seen.restarts]).toEqual([[true], [true]])
  })

  it('that is refused is asked for once more, and then the visitor goes on as it was', async () => {
    for (const code of ['bad_token', 'token_expired', 'token_too_long', 'token_used']) {
      const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
      logIns.refuse = [code, code, code]
      const one = tab(browser, logIns, [tokenOf('mia'), tokenOf('mia'), tokenOf('mia')])
      await one.identity.identify()
      expect([one.seen.asked, one.seen.failed, one.seen.restarts, one.seen.gates.at(-1)]).toEqual([2, [code], [], undefined])
      one.greet()
      expect(one.client.connection.get().phase).toBe('open')
      expect([...browser.entries.keys()]).toEqual([])
    }
  })

  it('that the page gives twice is not sent twice', async () => {
    const logIns = new FakeLogIns()
    logIns.refuse = ['token_expired']
    const token = tokenOf('mia')
    const one = tab(new FakeBrowser(), logIns, [token, token])
    await one.identity.identify()
    expect([one.seen.failed, logIns.exchanges.length]).toEqual([['token_expired'], 1])
  })
})

describe('another person', () => {
  async function after(who: string | undefined, give: (string | undefined)[]) {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    await tab(browser, logIns, [tokenOf('mia')]).identity.identify()
    const mias = browser.entries.get('secret')
    const next = tab(browser, logIns, give)
    next.greet()
    const done = next.identity.identify(who)
    await next.world.pass(20_000)
    await done
    return { browser, logIns, next, mias }
  }

  for (const who of ['tom', undefined]) {
    it(`is never the one before, ${who ? 'named by the page' : 'found in the token'}`, async () => {
      const { logIns, next, mias } = await after(who, [tokenOf('tom')])
      expect(logIns.asked.find(({ method }) => method === 'DELETE')?.bearer).toBe(`Bearer ${mias}`)
      expect([next.kept('who'), next.kept('secret') === mias, next.seen.restarts]).toEqual(['tom', false, [false]])
      expect(next.world.sockets.every(socket => socket.closedBy === 'client')).toBe(true)
    })
  }

  it('gets nothing of what the one before had left unsent', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    await tab(browser, logIns, [tokenOf('mia')]).identity.identify()
    const mia = tab(browser, logIns)
    mia.client.send('of Mia')
    browser.kill(mia.tabs.id)
    const tom = tab(browser, logIns, [tokenOf('tom')])
    tom.client.says({ name: 'Tom' })
    const done = tom.identity.identify('tom')
    await settle()
    tom.greet()
    expect(tom.world.last.sent[0]).not.toHaveProperty('says')
    await tom.world.pass(20_000)
    await done
    expect(outbox(browser)).toEqual([])
  })

  it('does not come in where the page cannot say who it is', async () => {
    const { next, mias } = await after(undefined, [undefined])
    expect([next.seen.failed, next.seen.gates.at(-1), next.seen.restarts]).toEqual([['no_token'], { kind: 'login', again: true, anew: false }, []])
    expect([next.client.connection.get().phase, next.kept('secret')]).toEqual(['idle', mias])
  })

  it('is refused where the page names one person, and its token another', async () => {
    const logIns = new FakeLogIns()
    const one = tab(new FakeBrowser(), logIns, [tokenOf('tom')])
    await one.identity.identify('mia')
    expect([one.seen.failed, logIns.exchanges]).toEqual([['other_person'], []])
  })
})

describe('a log-in that has ended', () => {
  async function ended(give: (string | undefined)[]) {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    await tab(browser, logIns, [tokenOf('mia')]).identity.identify()
    const first = browser.entries.get('secret') ?? ''
    const next = tab(browser, logIns, give)
    return { browser, logIns, next, first }
  }

  it('is made anew, and what was unsent goes on under its own ids', async () => {
    const { browser, next, first } = await ended([tokenOf('mia')])
    next.client.send('Still mine')
    const before = outbox(browser)[0]?.items[0]?.id
    await next.turnAway('log_in_ended')
    expect(next.kept('secret')).not.toBe(first)
    expect(next.seen.restarts).toEqual([true])
    const later = tab(browser, new FakeLogIns())
    browser.kill(next.tabs.id)
    await settle()
    later.greet()
    expect(later.world.last.sent.at(-1)).toMatchObject({ t: 'send', text: 'Still mine', id: before })
  })

  it('never becomes an anonymous visitor by itself', async () => {
    const { next, first } = await ended([undefined])
    await next.turnAway('log_in_ended')
    expect([next.seen.gates.at(-1), next.seen.restarts, next.kept('secret')]).toEqual([{ kind: 'login', again: true, anew: true }, [], first])
    await next.identity.anew()
    expect([next.seen.restarts, next.kept('secret')]).toEqual([[false], undefined])
  })

  it('was revoked under way', async () => {
    const { next } = await ended([tokenOf('mia')])
    next.greet()
    next.world.last.lose(4500)
    await next.identity.stopped()
    expect(next.seen.restarts).toEqual([true])
  })

  it('was replaced in another tab', async () => {
    const { browser, next } = await ended([])
    browser.entries.set('secret', `kfv_${'N'.repeat(43)}`)
    next.greet()
    next.world.last.lose(4500)
    await next.identity.stopped()
    expect([next.seen.asked, next.seen.restarts]).toEqual([0, [true]])
  })

  it('is not what another end of the connection means', async () => {
    const { next } = await ended([])
    await next.turnAway('unknown_site')
    expect([next.seen.gates, next.seen.asked]).toEqual([[], 0])
  })
})

describe('a site that talks with verified visitors only', () => {
  it('says so', async () => {
    const one = tab(new FakeBrowser(), new FakeLogIns())
    await one.turnAway('verified_only')
    expect([one.seen.gates, one.seen.asked]).toEqual([[{ kind: 'login', again: false, anew: false }], 0])
  })

  it('lets a visitor in whom the page knows', async () => {
    const one = tab(new FakeBrowser(), new FakeLogIns(), [tokenOf('mia')])
    await one.turnAway('verified_only')
    await one.identity.identify()
    expect([one.kept('who'), one.seen.restarts]).toEqual(['mia', [true]])
  })
})

describe('a chat that is taken along', () => {
  it('is flushed first, under its old identity', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    const one = tab(browser, logIns, [tokenOf('mia')])
    one.client.send('Before')
    const secret = one.kept('secret')
    const done = one.identity.identify()
    await settle()
    expect(logIns.exchanges).toEqual([])
    one.greet()
    const sent = one.world.last.sent.at(-1)
    if (sent?.t !== 'send') throw new Error('nothing was sent')
    expect(one.world.last.sent[0]).toMatchObject({ secret })
    one.world.last.say({ t: 'ack', id: sent.id, c: 'c1', n: 1, tag: 7, at: 1 })
    await done
    expect(logIns.exchanges).toMatchObject([{ secret }])
    expect([one.kept('who'), one.seen.restarts, outbox(browser)]).toEqual(['mia', [true], []])
  })

  it('leaves what could not be sent to a person, as a new message', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    const one = tab(browser, logIns, [tokenOf('mia')])
    one.client.send('Stuck')
    const done = one.identity.identify()
    await one.world.pass(30_000)
    await done
    const [moved, ...others] = outbox(browser)
    expect(others).toEqual([])
    expect([moved?.key.startsWith(`outbox.KEY.${nameOf(one.kept('secret') ?? '')}.`), moved?.items.map(({ state }) => state)]).toEqual([true, ['failed']])
    browser.kill(one.tabs.id)
    const later = tab(browser, logIns)
    await settle()
    later.greet()
    expect(later.world.last.sent.filter(({ t }) => t === 'send')).toEqual([])
    later.client.resend(moved?.items[0]?.id ?? '')
    const sent = later.world.last.sent.at(-1)
    expect(sent).toMatchObject({ t: 'send', text: 'Stuck' })
    expect(sent && 'id' in sent && sent.id).not.toBe(moved?.items[0]?.id)
  })
})

describe('logging out', () => {
  async function loggedIn(sure: boolean) {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    await tab(browser, logIns, [tokenOf('mia')]).identity.identify()
    return { browser, logIns, next: tab(browser, logIns, [], sure) }
  }

  it('revokes the log-in and forgets everything', async () => {
    const { browser, logIns, next } = await loggedIn(false)
    const bearer = `Bearer ${next.kept('secret')}`
    expect(await next.identity.logout()).toBe(true)
    expect(logIns.asked.at(-1)).toMatchObject({ method: 'DELETE', bearer })
    expect([[...browser.entries], next.seen.restarts]).toEqual([[], [false]])
  })

  it('gives those who ask at the same time one answer', async () => {
    for (const sure of [false, true]) {
      const { logIns, next } = await loggedIn(sure)
      next.client.send('Unsent')
      expect(await Promise.all([next.identity.logout(), next.identity.logout()])).toEqual([sure, sure])
      expect([logIns.asked.filter(({ method }) => method === 'DELETE').length, next.seen.restarts.length]).toEqual(sure ? [1, 1] : [0, 0])
    }
  })

  it('asks when something is unsent, and stays if that is to be kept', async () => {
    for (const sure of [false, true]) {
      const { browser, logIns, next } = await loggedIn(sure)
      next.client.send('Unsent')
      expect(await next.identity.logout()).toBe(sure)
      expect([outbox(browser).length, logIns.asked.filter(({ method }) => method === 'DELETE').length, next.seen.restarts.length]).toEqual(sure ? [0, 1, 1] : [1, 0, 0])
    }
  })

  it('asks about what other tabs have not sent, too, and counts each message once', async () => {
    const { browser, next: one } = await loggedIn(true)
    one.greet()
    one.client.send('Refused')
    const sent = one.world.last.sent.at(-1)
    one.world.last.say({ t: 'error', id: sent && 'id' in sent && sent.id, code: 'bad_text', do: 'fix', text: 'bad_text' })
    one.world.last.lose(1006)
    one.client.send('Waiting')
    await settle()
    const two = tab(browser, new FakeLogIns(), [], false)
    one.client.send('Told')
    two.client.send('Its own')
    await settle()
    expect(two.client.outbox.get().map(({ text }) => text).sort()).toEqual(['Its own', 'Told'])
    expect([await two.identity.logout(), two.seen.unsent]).toEqual([false, [4]])
    await one.identity.logout()
    expect(one.seen.unsent).toEqual([4])
  })

  it('leaves nothing by which an answer that was lost could still log in', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    logIns.lose = 4
    const one = tab(browser, logIns, [tokenOf('mia')])
    const done = one.identity.identify('mia')
    await one.world.pass(60_000)
    await done
    expect(one.kept('exchange')).toBeDefined()
    expect(await one.identity.logout()).toBe(true)
    expect([one.kept('exchange'), one.seen.restarts]).toEqual([undefined, []])
  })

  it('leaves an anonymous visitor its chat', async () => {
    const [browser, logIns] = [new FakeBrowser(), new FakeLogIns()]
    const one = tab(browser, logIns)
    one.client.send('Anonymous')
    expect(await one.identity.logout()).toBe(true)
    expect([one.kept('secret') === undefined, logIns.asked, one.seen.restarts]).toEqual([false, [], []])
  })

  it('in one tab leaves no copy in the page of another, which begins anew', async () => {
    const { browser, next } = await loggedIn(true)
    const copy = new Map([['secret', next.kept('secret')], ['who', 'mia'], ['exchange', '{}']])
    const other = tab(browser, new FakeLogIns(), [undefined])
    const { shelf } = other.tabs
    const { set, remove } = shelf
    Object.assign(shelf, {
      set: (key: string, value: string) => (copy.set(key, value), set(key, value)),
      remove: (key: string) => (copy.delete(key), remove(key)),
    })
    other.greet()
    other.client.send('Under way')
    expect(copy.size).toBe(4)
    await next.identity.logout()
    other.world.last.lose(4500)
    await other.identity.stopped()
    await other.identity.anew()
    expect([[...copy], other.seen.restarts]).toEqual([[], [false]])
  })

  it('in one tab leaves nothing that another could keep', async () => {
    const { browser, next } = await loggedIn(true)
    const other = tab(browser, new FakeLogIns(), [undefined])
    other.greet()
    other.client.send('Under way')
    await next.identity.logout()
    other.world.last.lose(4500)
    await other.identity.stopped()
    expect([[...browser.entries], other.seen.gates.at(-1)]).toEqual([[], { kind: 'login', again: true, anew: true }])
  })
})
