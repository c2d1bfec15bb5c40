/** Ten thousand open conversations. */
import { expect } from 'vitest'
import { openHouse, test } from './harness/test.ts'
import { Peer } from './harness/wire.ts'
import type { House } from './harness/test.ts'

const crowd = 10_000
const atOnce = 100

/** Lets many visitors write one message each; the first one waits longest. */
async function fill({ kefu, site }: House): Promise<void> {
  const write = async (name: string, text: string) => {
    const one = await Peer.visitor(kefu, site.key, { says: { name } })
    await one.command({ t: 'send', text })
    await one.close()
  }
  await write('The first', 'I waited longest of all')
  let next = 0
  const come = async () => {
    while (next < crowd) await write(`Visitor ${next}`, `Question ${next++}`)
  }
  await Promise.all(Array.from({ length: atOnce }, come))
}

test('a list of ten thousand stays usable', { timeout: 120_000 }, async ({ agent, later }) => {
  const house = await openHouse({ KEFU_LIMITS_HANDSHAKE_BURST: '100000', KEFU_LIMITS_HANDSHAKE_PER_SECOND: '100000' })
  later(() => house.kefu.stop())
  await fill(house)
  const begun = Date.now()
  const ada = await agent(house.ada, { origin: house.kefu.origin })
  await ada.tab('waiting').filter({ hasText: /10,?001/ }).waitFor()
  await ada.tab('waiting').click()
  await ada.rows.first().waitFor()
  expect(Date.now() - begun).toBeLessThan(5_000)
  await ada.page.keyboard.press('n')
  await ada.message('I waited longest of all').first().waitFor()
  await ada.reply('Sorry')
  await ada.sheet.getByText(ada.t('sent'), { exact: true }).waitFor()
  await ada.tab('waiting').filter({ hasText: /10,?000/ }).waitFor()
  // Older rows come page by page, and what is on the screen answers at once.
  const shown = await ada.rows.count()
  await ada.list.getByRole('button', { name: ada.t('more') }).click()
  await expect.poll(() => ada.rows.count()).toBeGreaterThan(shown)
  const slowest = await ada.page.evaluate(() => new Promise<number>(told => {
    let worst = 0
    let last = performance.now()
    let frames = 0
    const scroller = document.querySelector('.list__scroll')
    const step = (now: number) => {
      worst = Math.max(worst, now - last)
      last = now
      scroller?.scrollBy(0, 200)
      if (++frames < 60) requestAnimationFrame(step)
      else told(worst)
    }
    requestAnimationFrame(step)
  }))
  expect(slowest).toBeLessThan(500)
})
