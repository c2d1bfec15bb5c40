/** Broadcasts as supervisors write them in the console, and as agents see them in a conversation. */
import { expect } from 'vitest'
import type { Page } from 'playwright-core'
import { translator } from '@words/words.ts'
import { broadcastWords } from '../../web/console/src/features/broadcasts/words.ts'
import { violations } from './harness/axe.ts'
import { test } from './harness/test.ts'
import type { AgentPage } from './pages/agent.ts'
import type { VisitorPage } from './pages/visitor.ts'

const t = translator(broadcastWords, 'en')
const text = 'Delivery takes two days longer this week 🍵'

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const wordIn = (shop: VisitorPage, what: string) => shop.page.getByRole('article').filter({ hasText: what })
const field = (page: Page) => page.getByRole('textbox', { name: t('text'), exact: true })
const dialog = (page: Page) => page.getByRole('dialog')
const saved = (page: Page) => page.getByRole('status').filter({ hasText: t('saved', { time: '' }).trim() })

async function writes(ada: AgentPage, what: string): Promise<void> {
  await ada.page.getByRole('link', { name: t('write'), exact: true }).first().click()
  await field(ada.page).fill(what)
}

async function known(shop: VisitorPage, what: string): Promise<void> {
  await shop.write(what)
  await shop.kept(what).waitFor()
}

test('a supervisor writes to everybody, sees it read, answers a reply to it, and takes it back', async ({ agent, visitor }) => {
  const mia = await visitor()
  await known(mia, 'I am Mia')
  const ada = await agent()
  await ada.tab('open').waitFor()
  await ada.page.keyboard.press('g')
  await ada.page.keyboard.press('b')
  await ada.page.getByText(t('none'), { exact: true }).waitFor()
  await writes(ada, text)
  await saved(ada.page).waitFor()
  await button(ada.page, t('send', { n: 1 })).press('Enter')
  await dialog(ada.page).getByText(t('seeNow', { n: 1 })).waitFor()
  expect(await dialog(ada.page).getByRole('heading', { name: t('ask', { n: 1 }) }).count()).toBe(1)
  // The safe choice has the focus.
  await button(ada.page, t('keepWriting')).and(ada.page.locator(':focus')).waitFor()
  expect(await wordIn(mia, text).count()).toBe(0)
  await ada.page.keyboard.press('Tab')
  await ada.page.keyboard.press('Enter')

  await wordIn(mia, text).waitFor()
  await ada.page.getByRole('heading', { name: t('wentTo', { n: 1 }) }).waitFor()
  await ada.page.getByRole('img', { name: t('counts', { expected: 1, delivered: 1, read: 1 }) }).waitFor()
  await ada.page.getByRole('link', { name: t('back') }).click()
  await ada.page.getByRole('row').filter({ hasText: text }).filter({ hasText: t('published') }).getByRole('img', { name: t('readShare', { n: 100 }) }).waitFor()

  await wordIn(mia, text).getByRole('button', { name: 'Reply', exact: true }).click()
  await known(mia, 'And to Taipei?')
  await ada.page.keyboard.press('g')
  await ada.page.keyboard.press('c')
  await ada.openRow('And to Taipei?')
  const line = ada.sheet.getByRole('article').filter({ hasText: ada.t('broadcast', { name: ada.t('youName') }) })
  await line.getByText(text).waitFor()
  await line.getByText(ada.t('read'), { exact: true }).waitFor()
  const reply = ada.sheet.getByRole('article').filter({ hasText: 'And to Taipei?' })
  await reply.getByRole('blockquote').filter({ hasText: ada.t('answers') + text }).waitFor()
  expect(await ada.sheet.getByRole('article').allInnerTexts()).toEqual([/I am Mia/, /two days longer/, /And to Taipei/].map(part => expect.stringMatching(part) as string))
  expect(await violations(ada.page)).toEqual([])

  await ada.page.goto(new URL('/console/broadcasts', ada.page.url()).href)
  await ada.page.getByRole('link', { name: text }).click()
  await button(ada.page, t('withdraw')).click()
  await dialog(ada.page).getByText(t('withdrawText', { n: 1 })).waitFor()
  await dialog(ada.page).getByRole('button', { name: t('withdraw'), exact: true }).click()
  await wordIn(mia, text).waitFor({ state: 'detached' })
  await ada.page.getByText(t('withdrawn'), { exact: true }).first().waitFor()
  await ada.page.goto(new URL('/console/', ada.page.url()).href)
  await ada.openRow('And to Taipei?')
  await line.getByText(ada.t('takenBack')).waitFor()
})

test('to a chosen visitor, by the id that stands beside the conversation', async ({ agent, visitor }) => {
  const mia = await visitor()
  await known(mia, 'I am Mia')
  const noah = await visitor()
  await known(noah, 'I am Noah')
  const ada = await agent()
  await ada.openRow('I am Mia')
  await ada.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await button(ada.page, ada.t('copyId')).press('Enter')
  await button(ada.page, ada.t('copiedId')).waitFor()
  const id = await ada.page.evaluate(() => navigator.clipboard.readText())

  await ada.page.goto(new URL('/console/broadcasts', ada.page.url()).href)
  await writes(ada, 'Only for you')
  await ada.page.getByText(t('listOf'), { exact: true }).click()
  await ada.page.getByRole('textbox', { name: t('ids') }).fill(id)
  await button(ada.page, t('send', { n: 1 })).click()
  await dialog(ada.page).getByRole('button', { name: t('send', { n: 1 }) }).click()
  await wordIn(mia, 'Only for you').waitFor()
  await ada.page.getByRole('img', { name: t('counts', { expected: 1, delivered: 1, read: 1 }) }).waitFor()
  expect(await wordIn(noah, 'Only for you').count()).toBe(0)
})

test('a scheduled one says when, and is a draft again when that is cancelled', async ({ agent }) => {
  const ada = await agent(undefined, { path: '/console/broadcasts' })
  await writes(ada, 'We are closed on Monday')
  await ada.page.getByText(t('later'), { exact: true }).click()
  await ada.page.getByLabel(t('at'), { exact: true }).fill('2020-01-01T10:00')
  await button(ada.page, t('schedule')).click()
  await ada.page.getByText(t('badAt')).waitFor()
  const soon = new Date(Date.now() + 40 * 86_400_000).toISOString().slice(0, 11)
  await ada.page.getByLabel(t('at'), { exact: true }).fill(`${soon}10:30`)
  await button(ada.page, t('schedule')).click()
  await dialog(ada.page).getByText(t('finalLater')).waitFor()
  await dialog(ada.page).getByRole('button', { name: t('schedule') }).click()
  await ada.page.getByRole('heading', { name: /^Goes out \d+ \w+( \d{4})?, 10:30$/ }).waitFor()
  await button(ada.page, t('cancel')).click()
  await dialog(ada.page).getByRole('button', { name: t('cancel') }).click()
  await expect.poll(() => field(ada.page).inputValue()).toBe('We are closed on Monday')
  await button(ada.page, t('deleteDraft')).click()
  await dialog(ada.page).getByRole('button', { name: t('deleteDraft') }).click()
  await ada.page.getByText(t('isDeleted')).waitFor()
  expect(await ada.page.getByRole('link', { name: 'We are closed on Monday' }).count()).toBe(0)
})

test('nothing that was written is lost: not by a lost connection, a reload, or somebody else', async ({ agent, house, screen }) => {
  screen.expected.push(/net::ERR_FAILED/, /status of 409/)
  const ada = await agent(undefined, { path: '/console/broadcasts' })
  const api = '**/api/v1/sites/*/broadcasts'
  await ada.page.route(api, route => (route.request().method() === 'POST' ? route.abort() : route.continue()))
  await writes(ada, 'Written while nobody listens')
  await ada.page.getByRole('status').filter({ hasText: t('unsaved', { why: '' }).trim() }).waitFor()
  await ada.page.reload()
  await expect.poll(() => field(ada.page).inputValue()).toBe('Written while nobody listens')
  await ada.page.unroute(api)
  await field(ada.page).press('End')
  await field(ada.page).pressSequentially('!')
  await saved(ada.page).waitFor()
  const id = new URL(ada.page.url()).pathname.split('/').at(-1) ?? ''

  const path = `/sites/${house.site.id}/broadcasts/${id}`
  const one = await house.ada.call<{ version: number; text: string }>('GET', path)
  expect(one.text).toBe('Written while nobody listens!')
  const content = { text: 'Theirs', show: 'card', audience: { kind: 'all' } }
  await house.ada.call('PUT', path, { version: one.version, content })
  await field(ada.page).fill('Mine')
  await ada.page.getByRole('alert').filter({ hasText: t('theirs') }).waitFor()
  await ada.page.reload()
  await ada.page.getByRole('alert').filter({ hasText: t('theirs') }).waitFor()
  expect(await field(ada.page).inputValue()).toBe('Mine')
  await button(ada.page, t('keepMine')).click()
  await saved(ada.page).waitFor()
  const { version, text: now } = await house.ada.call<{ version: number; text: string }>('GET', path)
  expect(now).toBe('Mine')
  await house.ada.call('PUT', path, { version, content })
  await field(ada.page).fill('Mine again')
  await button(ada.page, t('takeTheirs')).click()
  await expect.poll(() => field(ada.page).inputValue()).toBe('Theirs')
})

test('an agent has no such panel, and is told so kindly', async ({ agent, house }) => {
  const ben = await agent(await house.ada.invite('Ben', house.site, 'agent'), { path: '/console/broadcasts' })
  await ben.page.getByText(t('notYours'), { exact: true }).waitFor()
  expect(await ben.page.getByRole('navigation').getByRole('link', { name: t('title') }).count()).toBe(0)
  await ben.page.goto(new URL(`/console/broadcasts/${house.site.id}/new`, ben.page.url()).href)
  await ben.page.getByText(t('notYours'), { exact: true }).waitFor()
  await ben.page.getByRole('navigation').getByRole('link').first().click()
  await ben.tab('open').waitFor()
  await ben.page.keyboard.press('g')
  await ben.page.keyboard.press('b')
  await ben.page.keyboard.press('Control+k')
  await dialog(ben.page).getByRole('option').first().waitFor()
  expect(await dialog(ben.page).getByRole('option', { name: t('title') }).count()).toBe(0)
  expect(new URL(ben.page.url()).pathname).not.toContain('broadcasts')
})
