/** A tab in the background, which the browser freezes to save memory. */
import { expect } from 'vitest'
import { PlainBrowser } from './harness/tab.ts'
import { Proxy } from './harness/proxy.ts'
import { test } from './harness/test.ts'

const shows = (text: string) => `document.querySelector('[role=log]')?.innerText.includes(${JSON.stringify(text)})`

test('a frozen tab is shown as away, comes back and is complete', async ({ wire, house, later }) => {
  const proxy = await Proxy.start(house.kefu.port)
  later(() => proxy.stop())
  const browser = await PlainBrowser.start()
  later(() => browser.stop())
  const mia = await browser.open(`${proxy.origin}/chat/${house.site.key}`)
  await mia.until(`document.activeElement?.matches('textarea')`)
  await mia.type('I go to another window')
  await mia.until(shows('I go to another window'))
  const ada = await wire.agent()
  const c = await ada.find('I go to another window')
  await ada.open(c)
  await ada.heard('presence', ({ who }) => who?.kind === 'agent')
  const other = await browser.open('about:blank')
  await other.show()
  await ada.heard('presence', ({ who, presence }) => who?.kind === 'visitor' && presence === 'away')
  await mia.freeze(true)
  await ada.command({ t: 'send', c, text: 'Said while frozen' })
  proxy.set('cut')
  await ada.command({ t: 'send', c, text: 'Said while cut off' })
  proxy.set('whole')
  await mia.freeze(false)
  await mia.show()
  await mia.until(shows('Said while cut off'))
  const said = await mia.run<string[]>(`[...document.querySelectorAll('[role=log] p.kw-bubble')].map(one => one.innerText)`)
  expect(said).toEqual(['I go to another window', 'Said while frozen', 'Said while cut off'])
  await ada.heard('presence', ({ who, presence }) => who?.kind === 'visitor' && presence === 'online')
})
