/** Broadcasts as visitors see them; they are sent over the API. */
import { expect } from 'vitest'
import { test } from './harness/test.ts'

interface Made { id: string; version: number; delivered: number; read: number; state: string }

test('a broadcast reaches who is here and who comes back, not a newcomer, is answered, and goes when it is withdrawn', async ({ visitor, house }) => {
  const [mia, tom] = [await visitor(), await visitor()]
  await mia.write('I am Mia')
  await mia.kept('I am Mia').waitFor()
  await tom.write('I am Tom')
  await tom.kept('I am Tom').waitFor()
  const address = tom.page.url()
  await tom.page.goto('about:blank')

  const path = `/sites/${house.site.id}/broadcasts`
  const draft = await house.ada.call<Made>('POST', path, { text: 'We close at six today', show: 'card', audience: { kind: 'all' } })
  await house.ada.call('POST', `${path}/${draft.id}/publish`, { version: draft.version })
  const card = (page: typeof mia.page) => page.getByRole('article').filter({ hasText: 'We close at six today' })
  await card(mia.page).waitFor()
  await tom.page.goto(address)
  await card(tom.page).waitFor()
  const now = () => house.ada.call<Made>('GET', `${path}/${draft.id}`)
  await expect.poll(async () => (await now()).read, { timeout: 15_000 }).toBe(2)
  expect((await now()).delivered).toBe(2)

  const newcomer = await visitor()
  await newcomer.write('I am new')
  await newcomer.kept('I am new').waitFor()
  expect(await card(newcomer.page).count()).toBe(0)

  await card(mia.page).getByRole('button', { name: 'Reply' }).click()
  await mia.write('Thank you')
  await mia.kept('Thank you').waitFor()
  await card(mia.page).getByRole('button', { name: 'Reply', exact: true }).waitFor()

  await house.ada.call('POST', `${path}/${draft.id}/withdraw`, { version: (await now()).version })
  await card(mia.page).waitFor({ state: 'detached' })
  await card(tom.page).waitFor({ state: 'detached' })
})
