/** A network that fails under a visitor who writes: nothing is lost, nothing doubled, and the visitor is told. */
import { describe, expect } from 'vitest'
import type { House } from './harness/test.ts'
import { test } from './harness/test.ts'
import { Proxy } from './harness/proxy.ts'
import { cutOff, type Screen } from './harness/browser.ts'

async function network(house: House, screen: Screen, later: (undo: () => Promise<unknown>) => void): Promise<Proxy> {
  const proxy = await Proxy.start(house.kefu.port)
  later(() => proxy.stop())
  screen.expected.push(...cutOff)
  return proxy
}

describe('a visitor whose network', () => {
  test('breaks during a send keeps the message, which goes through once', async ({ visitor, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later)
    const mia = await visitor({ origin: proxy.origin })
    await mia.write('Before')
    await mia.kept('Before').waitFor()
    proxy.set('stalled')
    await mia.write('During')
    await mia.marked('During', 'sending').waitFor()
    proxy.set('cut')
    await mia.marked('During', 'waits').waitFor()
    await mia.write('After')
    await mia.lost.waitFor()
    proxy.set('whole')
    await mia.kept('During').waitFor()
    await mia.kept('After').waitFor()
    await mia.lost.waitFor({ state: 'detached' })
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('After'))).toEqual(['Before', 'During', 'After'])
    expect(await mia.messages()).toEqual(['Before', 'During', 'After'])
  })

  test('loses the answer sends again, and it is kept once', async ({ visitor, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later)
    const mia = await visitor({ origin: proxy.origin })
    await mia.write('First')
    await mia.kept('First').waitFor()
    const ada = await wire.agent()
    proxy.set('deaf')
    await mia.write('Kept, but the ack is lost')
    // The server has it: the agent sees it while the visitor does not know.
    const c = await ada.find('Kept, but the ack is lost')
    await mia.marked('Kept, but the ack is lost', 'sending').waitFor()
    proxy.set('cut')
    await mia.marked('Kept, but the ack is lost', 'waits').waitFor()
    proxy.set('whole')
    await mia.kept('Kept, but the ack is lost').waitFor()
    expect(await ada.texts(c)).toEqual(['First', 'Kept, but the ack is lost'])
    expect(await mia.messages()).toEqual(['First', 'Kept, but the ack is lost'])
  })

  test('was away gets what was said meanwhile, once and in order', { timeout: 90_000 }, async ({ visitor, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later)
    const mia = await visitor({ origin: proxy.origin })
    await mia.write('I go through a tunnel')
    await mia.kept('I go through a tunnel').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('I go through a tunnel')
    proxy.set('cut')
    await mia.lost.waitFor()
    const said = Array.from({ length: 60 }, (_, i) => `Answer ${i + 1}`)
    for (const text of said) await ada.command({ t: 'send', c, text })
    proxy.set('whole')
    await mia.message('Answer 60').waitFor({ timeout: 45_000 }) // it tries again after up to 30 s
    expect(await mia.messages()).toEqual(['I go through a tunnel', 'Ada is here for you', ...said])
  })

  test('is silently dead finds out, and is offline for the agent within 30 s', { timeout: 60_000 }, async ({ visitor, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later)
    const mia = await visitor({ origin: proxy.origin })
    await mia.write('About to vanish')
    await mia.kept('About to vanish').waitFor()
    const ada = await wire.agent()
    await ada.open(await ada.find('About to vanish'))
    proxy.set('stalled')
    const begun = Date.now()
    await ada.heard('presence', ({ who, presence }) => who?.kind === 'visitor' && presence === 'offline', 32_000)
    expect(Date.now() - begun).toBeLessThan(30_000)
    proxy.set('whole')
    await mia.write('Back again')
    await mia.kept('Back again').waitFor({ timeout: 25_000 })
  })

  test('is gone at a reload has the message in the new page, and it goes out', async ({ visitor, wire, house, screen, later }) => {
    const proxy = await network(house, screen, later)
    const mia = await visitor({ origin: proxy.origin })
    await mia.write('Kept')
    await mia.kept('Kept').waitFor()
    proxy.set('stalled')
    await mia.write('Unsent at the reload')
    await mia.marked('Unsent at the reload', 'sending').waitFor()
    proxy.set('cut')
    proxy.set('whole')
    await mia.page.route('**/ws/**', route => route.abort())
    await mia.page.reload()
    await mia.kept('Unsent at the reload').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('Unsent at the reload'))).toEqual(['Kept', 'Unsent at the reload'])
  })
})
