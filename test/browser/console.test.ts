/** Agents at work, with real visitors. */
import { describe, expect } from 'vitest'
import { test } from './harness/test.ts'
import { cutOff } from './harness/browser.ts'
import { Proxy } from './harness/proxy.ts'
import { translator } from '@words/words.ts'
import { refusalWords } from '../../web/console/src/features/inbox/refusalWords.ts'
import { visitorWords } from '../../web/console/src/features/visitors/words.ts'

const why = translator(refusalWords, 'en')
const people = translator(visitorWords, 'en')

describe('two visitors and two agents', () => {
  test('each see what is theirs', async ({ visitor, agent, house }) => {
    const benAccount = await house.ada.invite('Ben', house.site, 'agent')
    const [mia, tom] = [await visitor(), await visitor()]
    const [ada, ben] = [await agent(), await agent(benAccount)]
    await mia.write('Mia asks for tea')
    await tom.write('Tom asks for cups')
    await ada.openRow('Mia asks for tea')
    await ben.openRow('Tom asks for cups')
    await ada.reply('Tea for Mia')
    await ben.reply('Cups for Tom')
    await ben.note('SECRET: Tom is in a hurry')
    await Promise.all([mia.message('Tea for Mia').waitFor(), tom.message('Cups for Tom').waitFor(), ben.message('SECRET: Tom is in a hurry').first().waitFor()])
    expect(await mia.messages()).toEqual(['Mia asks for tea', 'Ada is here for you', 'Tea for Mia'])
    expect(await tom.messages()).toEqual(['Tom asks for cups', 'Ben is here for you', 'Cups for Tom'])
    expect([...mia.heard, ...tom.heard].filter(frame => frame.includes('SECRET'))).toEqual([])
    await ada.tab('mine').click()
    await ada.row('Tea for Mia').waitFor()
    expect(await ada.row('Tom').count()).toBe(0)
    // Both sides know how far it has come.
    await mia.marked('Mia asks for tea', 'read').waitFor()
    await ada.sheet.getByText(ada.t('read'), { exact: true }).waitFor()
  })

  test('two agents take the same round: one has it, the other reads who', async ({ wire, agent, house }) => {
    const mia = await wire.visitor()
    await mia.command({ t: 'send', text: 'Who takes me?' })
    const cleo = await house.ada.invite('Cleo', house.site, 'agent')
    const both = [await agent(), await agent(cleo)]
    for (const one of both) await one.openRow('Who takes me?')
    // Each sees that the other looks on.
    await both[0]?.sheet.getByRole('img', { name: 'Cleo reads along' }).waitFor()
    await both[1]?.sheet.getByRole('img', { name: 'Ada reads along' }).waitFor()
    for (const one of both) await one.field.press('Escape')
    await Promise.all(both.map(one => one.page.keyboard.press('t')))
    const { e } = await mia.heard('event', ({ e }) => e.kind === 'assigned')
    const winner = e.round?.agent?.name ?? ''
    const [has, reads] = winner === 'Ada' ? both : [...both].reverse()
    if (!has || !reads) throw new Error('nobody took it')
    await has.tab('mine').click()
    await has.row('Who takes me?').waitFor()
    await reads.page.getByText(why('has', { name: winner })).first().waitFor()
    expect(await reads.button('take').count()).toBe(0)
    // The one who has it answers; the visitor never hears of a second.
    await has.reply('I do')
    await mia.heard('event', ({ e }) => e.text === 'I do')
    await expect(mia.heard('event', ({ e }) => e.kind === 'assigned' && e.round?.agent?.name !== winner, 500)).rejects.toThrow('no event')
  })

  test('hand over, release and resolve', async ({ visitor, agent, house }) => {
    const mia = await visitor()
    await mia.write('I need somebody else')
    const danAccount = await house.ada.invite('Dan', house.site, 'agent')
    const [ada, dan] = [await agent(), await agent(danAccount)]
    await ada.openRow('I need somebody else')
    await ada.button('take').click()
    await mia.joined('Ada').waitFor()
    await ada.handTo('Dan')
    await mia.joined('Dan').waitFor()
    // Dan, who looked at nothing, is told, finds it marked, and goes there from what told him.
    const told = dan.page.getByRole('status').filter({ hasText: / is yours now/ })
    await told.waitFor()
    await dan.tab('mine').click()
    await dan.row('I need somebody else').getByText(dan.t('handedToYou')).waitFor()
    await told.getByRole('button', { name: dan.t('openIt') }).click()
    await dan.message('I need somebody else').first().waitFor()
    await expect.poll(() => dan.row('I need somebody else').getByText(dan.t('handedToYou')).count()).toBe(0)
    await dan.reply('Dan here, see https://tea.example/spares')
    const link = dan.sheet.getByRole('link', { name: 'https://tea.example/spares' }).first()
    expect([await link.getAttribute('rel'), await link.getAttribute('target')]).toEqual(['noopener noreferrer nofollow', '_blank'])
    await mia.panel.getByRole('link', { name: 'https://tea.example/spares' }).waitFor()
    await dan.handTo(dan.t('backToWaiting'))
    await dan.button('take').waitFor()
    await ada.button('take').waitFor()
    await dan.button('take').click()
    await dan.button('resolve').click()
    await mia.message(mia.t('resolved')).waitFor()
    await mia.write('And another thing')
    await mia.kept('And another thing').waitFor()
    await dan.tab('mine').click()
    await dan.row('And another thing').waitFor()
  })
})

describe('an agent', () => {
  test('sees who waits, without a reload, in the list, the tab and the title', async ({ visitor, agent }) => {
    const ada = await agent()
    const before = Number(/\d+/.exec(await ada.tab('waiting').innerText())?.[0])
    const mia = await visitor()
    await mia.write('I have just come')
    await ada.tab('waiting').click()
    await ada.row('I have just come').waitFor()
    expect(await ada.tab('waiting').innerText()).toContain(String(before + 1))
    await expect.poll(() => ada.page.title()).toContain(`(${before + 1})`)
  })

  test('sees the visitor type, come, move and go', async ({ visitor, agent, house }) => {
    const shop = await visitor({ path: `/demo?site=${house.site.key}` })
    await shop.openPanel()
    await shop.write('Watch me')
    await shop.kept('Watch me').waitFor()
    const ada = await agent()
    await ada.openRow('Watch me')
    await ada.page.getByText(ada.t('onSite')).waitFor()
    await shop.field.pressSequentially('typing now')
    await ada.sheet.getByText(/is typing$/).waitFor()
    await ada.field.pressSequentially('me too')
    await shop.panel.getByRole('img', { name: shop.t('typing', { name: 'Ada' }) }).waitFor()
    await shop.page.close()
    await ada.page.getByText(ada.t('leftSite')).waitFor({ timeout: 30_000 })
  })

  test('sees who is online, with the number, and their page', async ({ agent, house, wire }) => {
    const ada = await agent(undefined, { path: '/console/visitors' })
    const table = ada.page.getByRole('table')
    const count = ada.page.getByText(people('online')).locator('..')
    await wire.visitor({ says: { name: 'Nora' }, page: { url: 'https://shop.example/harbour', title: 'The harbour set' } })
    const row = table.getByRole('row').filter({ hasText: 'The harbour set' })
    await row.filter({ hasText: 'Nora' }).waitFor()
    expect(Number(/\d+/.exec(await count.innerText())?.[0])).toBe(await table.getByRole('row').count() - 1)
    expect(house.site.name).toBe('Harbour')
  })

  test('finds the draft again after a reload, and cannot send blanks', async ({ wire, agent }) => {
    const mia = await wire.visitor()
    await mia.command({ t: 'send', text: 'Draft for me' })
    const ada = await agent()
    await ada.openRow('Draft for me')
    await ada.field.fill('Half an ans')
    await ada.page.reload()
    await ada.field.waitFor()
    expect(await ada.field.inputValue()).toBe('Half an ans')
    await ada.field.fill('   ')
    await ada.field.press('Enter')
    await ada.sheet.getByText(ada.t('blank')).waitFor()
    await expect(mia.heard('event', ({ e }) => e.by.kind === 'agent', 500)).rejects.toThrow('no event')
  })

  test('misses nothing when the network comes back, and what was unsent goes out once', async ({ visitor, agent, house, screen, later }) => {
    screen.expected.push(...cutOff)
    const proxy = await Proxy.start(house.kefu.port)
    later(() => proxy.stop())
    const mia = await visitor()
    await mia.write('Before the cut')
    const ada = await agent(undefined, { origin: proxy.origin })
    await ada.openRow('Before the cut')
    await ada.reply('Answer before')
    await mia.message('Answer before').waitFor()
    proxy.set('stalled')
    await ada.reply('Answer during')
    await ada.sheet.getByText(ada.t('sending')).first().waitFor()
    proxy.set('cut')
    await ada.banner.waitFor()
    await ada.message('Answer during').waitFor()
    await mia.write('Said meanwhile 1')
    await mia.write('Said meanwhile 2')
    await mia.kept('Said meanwhile 2').waitFor()
    const tom = await visitor()
    await tom.write('I came meanwhile')
    await tom.kept('I came meanwhile').waitFor()
    proxy.set('whole')
    await ada.message('Said meanwhile 2').waitFor()
    await mia.message('Answer during').waitFor()
    await ada.row('I came meanwhile').waitFor()
    await ada.banner.waitFor({ state: 'detached' })
    expect(await ada.sheet.locator('.bubble').allInnerTexts()).toEqual(['Before the cut', 'Answer before', 'Said meanwhile 1', 'Said meanwhile 2', 'Answer during'])
    expect((await mia.messages()).filter(text => text === 'Answer during')).toHaveLength(1)
  })
})
