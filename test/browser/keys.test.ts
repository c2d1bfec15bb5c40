/** API keys in a site's settings: made by the keyboard alone, shown once, good for the API, and revoked. */
import { expect } from 'vitest'
import { translator } from '@words/words.ts'
import { apiKeyWords } from '../../web/console/src/features/settings/apiKeyWords.ts'
import { violations } from './harness/axe.ts'
import { test } from './harness/test.ts'

test('an admin makes a key that opens the API, sees it once, and revokes it', async ({ agent, house }) => {
  const w = translator(apiKeyWords, 'en')
  const { page } = await agent()
  await page.goto(`${house.kefu.origin}/console/settings/sites/${house.site.id}`)
  await page.getByText(w('none')).waitFor()
  const dialog = page.getByRole('dialog')

  await page.getByRole('button', { name: w('create') }).focus()
  await page.keyboard.press('Enter')
  await dialog.waitFor()
  await dialog.getByRole('button', { name: w('create') }).focus()
  await page.keyboard.press('Enter')
  await dialog.getByText(w('needName')).waitFor()
  await dialog.getByText(w('needScope')).waitFor()
  expect(await violations(page)).toEqual([])

  await dialog.getByRole('textbox', { name: w('name') }).focus()
  await page.keyboard.type('Order system')
  const push = dialog.getByRole('switch', { name: w('push') })
  for (let n = 0; n < 20 && !(await push.evaluate(one => one === document.activeElement)); n++) await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await dialog.getByRole('button', { name: w('create') }).focus()
  await page.keyboard.press('Enter')
  const secret = await dialog.getByText(/^kfk_/).innerText()
  expect(await violations(page)).toEqual([])
  const asked = async () => (await fetch(`${house.kefu.origin}/api/v1/api-key`, { headers: { authorization: `Bearer ${/kfk_[\w-]{43}/.exec(secret)?.[0] ?? ''}` } })).status
  expect(await asked()).toBe(200)

  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await page.reload()
  const row = page.getByRole('listitem').filter({ hasText: 'Order system' })
  await row.getByText(w('push')).waitFor()
  expect(await page.content()).not.toContain('kfk_')
  expect(await violations(page)).toEqual([])

  await row.getByRole('button', { name: w('revokeOf', { name: 'Order system' }) }).click()
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: w('revoke') }).click()
  await page.getByText(w('none')).waitFor()
  expect(await asked()).toBe(401)
})
