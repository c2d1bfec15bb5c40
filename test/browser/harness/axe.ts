/** What axe-core finds in a page, in the words of its rules. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Frame, Page } from 'playwright-core'

const source = readFileSync(resolve(import.meta.dirname, '../../../web/node_modules/axe-core/axe.min.js'), 'utf8')

/** Every violation in the page and its frames: the rule, and where. All rules of axe are on, the advice for good practice too. */
export async function violations(page: Page): Promise<string[]> {
  await settled(page)
  const frames = page.frames().filter(frame => frame.url() !== 'about:blank')
  return (await Promise.all(frames.map(look))).flat()
}

async function look(frame: Frame): Promise<string[]> {
  if (!(await seen(frame))) return []
  await frame.evaluate(source)
  const results = await frame.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (where: Document, options: object) => Promise<AxeResults> } }
    return axe.run(document, { iframes: false, resultTypes: ['violations'] })
  })
  return results.violations.flatMap(({ id, help, nodes }) => nodes.map(node => `${id}: ${help}: ${node.target.join(' ')}: ${node.html.slice(0, 160)}: ${node.any.map(one => one.message).join(' ').slice(0, 200)}`))
}

/** A frame that is not shown has nothing to look at. */
async function seen(frame: Frame): Promise<boolean> {
  if (!frame.parentFrame()) return true
  return (await frame.frameElement()).isVisible()
}

/** Colours are those at the end of every transition. */
const settled = (page: Page) => page.evaluate(() => {
  for (const animation of document.getAnimations()) if (Number.isFinite(animation.effect?.getComputedTiming().endTime)) animation.finish()
})
