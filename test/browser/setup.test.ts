/** From the printed link to the first answered chat. */
import { describe, expect } from 'vitest'
import { translator } from '@words/words.ts'
import { setupWords } from '../../web/console/src/features/setup/words.ts'
import { loginWords } from '../../web/console/src/features/login/words.ts'
import { inboxWords } from '../../web/console/src/features/inbox/words.ts'
import { Kefu } from './harness/kefu.ts'
import { test } from './harness/test.ts'
import { AgentPage } from './pages/agent.ts'
import { VisitorPage } from './pages/visitor.ts'

const setup = translator(setupWords, 'en')
const login = translator(loginWords, 'en')
const inbox = translator(inboxWords, 'en')

describe('a first start', () => {
  test('leads from the printed link to the first answered chat', async ({ screen, later }) => {
    const kefu = await Kefu.start()
    later(() => kefu.stop())
    const page = await (await screen.person({ viewport: { width: 1440, height: 900 } })).newPage()
    await page.goto(kefu.setupLink)
    // The first field has the focus.
    await page.getByRole('textbox', { name: setup('name') }).and(page.locator(':focus')).waitFor()
    await page.keyboard.type('Ada')
    await page.getByRole('textbox', { name: login('email') }).fill('ada@shop.example')
    await page.getByRole('textbox', { name: login('password') }).fill('correct horse battery staple')
    await page.getByRole('button', { name: setup('create') }).click()
    await page.getByRole('textbox', { name: setup('siteName') }).and(page.locator(':focus')).waitFor()
    await page.keyboard.type('Harbour')
    await page.getByRole('button', { name: setup('finish') }).click()
    const ada = AgentPage.on(page)
    await ada.tab('waiting').waitFor()
    expect(page.url()).not.toContain('#')
    expect(await page.getByRole('link', { name: inbox('tryDemo') }).getAttribute('href')).toContain('/demo')
    // On a phone too, where the empty list is all that one sees.
    await page.setViewportSize({ width: 390, height: 844 })
    await page.getByRole('link', { name: inbox('tryDemo') }).waitFor()
    await page.setViewportSize({ width: 1440, height: 900 })

    const mia = await VisitorPage.open(await (await screen.person()).newPage(), `${kefu.origin}/demo`)
    await mia.openPanel()
    await mia.write('Is anybody there?')
    await mia.kept('Is anybody there?').waitFor()
    await ada.row('Is anybody there?').click()
    await ada.message('Is anybody there?').first().waitFor()
    await ada.button('take').click()
    await mia.joined('Ada').waitFor()
    await ada.reply('I am.')
    await mia.message('I am.').waitFor()
    await ada.sheet.getByText(ada.t('read'), { exact: true }).waitFor()

    screen.expected.push(/40[13]|404|410|status of 4/)
    const second = await (await screen.person()).newPage()
    await second.goto(kefu.setupLink)
    await second.getByRole('heading', { name: setup('done') }).waitFor()
    expect(await second.getByRole('textbox').count()).toBe(0)
    await second.goto(`${kefu.origin}/console/`)
    await second.getByRole('heading', { name: login('welcome') }).waitFor()
  })

  test('makes a new link, and the old one is void', async ({ screen, later }) => {
    screen.expected.push(/status of 4/)
    const kefu = await Kefu.start()
    later(() => kefu.stop())
    const old = kefu.setupLink
    await kefu.end()
    await kefu.begin()
    const page = await (await screen.person()).newPage()
    await page.goto(old)
    await page.getByRole('heading', { name: login('spent') }).waitFor()
    expect(await page.getByRole('textbox').count()).toBe(0)
    await page.goto('about:blank')
    await page.goto(kefu.setupLink)
    await page.getByRole('textbox', { name: setup('name') }).waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })
})

describe('an invitation', () => {
  test('lets a new agent choose a password, once', async ({ screen, house }) => {
    const link = await house.ada.inviteLink('Dora', house.site, 'agent')
    const page = await (await screen.person()).newPage()
    await page.goto(link)
    await page.getByText(login('setPasswordText', { name: 'Dora' })).waitFor()
    await page.getByRole('textbox', { name: login('newPassword') }).fill('short')
    await page.getByRole('button', { name: login('save') }).click()
    await page.getByText(login('tooShort')).waitFor()
    await page.getByRole('textbox', { name: login('newPassword') }).fill('a password that is long')
    await page.getByRole('button', { name: login('save') }).click()
    await AgentPage.on(page).tab('waiting').waitFor()
    screen.expected.push(/status of 4/)
    const second = await (await screen.person()).newPage()
    await second.goto(link)
    await second.getByRole('heading', { name: login('spent') }).waitFor()
    expect(await second.getByRole('textbox').count()).toBe(0)
  })
})
