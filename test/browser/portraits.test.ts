/** Agents' portraits and a site's logo, against a real server. */
import { describe, expect } from 'vitest'
import { translator } from '@words/words.ts'
import { pictureWords } from '../../web/console/src/features/settings/pictureWords.ts'
import { settingsWords } from '../../web/console/src/features/settings/words.ts'
import { png } from './harness/pictures.ts'
import { test } from './harness/test.ts'

const p = translator(pictureWords, 'en')
const t = translator(settingsWords, 'en')

const red = png('red.png', 640, 480, [190, 40, 40])
const green = png('green.png', 100, 300, [40, 140, 60])

describe('a portrait', () => {
  test('is seen by colleagues at once, and no more when it is removed', async ({ wire, agent, house }) => {
    const mia = await wire.visitor()
    await mia.command({ t: 'send', text: 'Who are you?' })
    const ben = await house.ada.invite('Ben', house.site, 'agent')
    const [ada, his] = [await agent(), await agent(ben)]
    await ada.openRow('Who are you?')
    await his.openRow('Who are you?')
    await his.reply('I am Ben')
    const face = ada.sheet.locator('article').filter({ hasText: 'I am Ben' }).locator('.avatar')
    await face.waitFor()
    expect(await face.locator('img').count()).toBe(0)

    // Early: the browser has to know of it before the key opens the dialog.
    const dialog = his.page.waitForEvent('filechooser', { timeout: 60_000 })
    await his.page.goto(`${house.kefu.origin}/console/settings/profile`)
    const group = his.page.getByRole('group', { name: p('portrait') })
    const chooser = group.getByLabel(p('choose'))
    await chooser.focus()
    await his.page.keyboard.press('Space')
    await (await dialog).setFiles({ name: 'me.txt', mimeType: 'text/plain', buffer: Buffer.from('me') })
    await group.getByRole('alert').filter({ hasText: p('badPicture') }).waitFor()
    await chooser.setInputFiles(red)
    const shown = face.locator('img')
    await shown.waitFor()
    const first = await shown.getAttribute('src')
    await expect.poll(() => shown.evaluate(img => (img as HTMLImageElement).naturalWidth)).toBe(256)
    expect(await group.getByRole('alert').count()).toBe(0)
    // Another one, dragged there, has another address.
    await group.getByRole('button', { name: p('remove') }).waitFor()
    await group.evaluate((field, bytes) => {
      const data = new DataTransfer()
      data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], 'green.png', { type: 'image/png' }))
      field.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
    }, green.buffer.toString('base64'))
    await expect.poll(() => shown.getAttribute('src')).not.toBe(first)
    await expect.poll(() => shown.evaluate(img => (img as HTMLImageElement).naturalWidth)).toBe(100)
    await group.getByRole('button', { name: p('remove') }).click()
    await shown.waitFor({ state: 'detached' })
    expect(await face.getAttribute('data-initials')).toBe('B')
    await expect.poll(() => chooser.evaluate(field => field === document.activeElement)).toBe(true) // the button that was pressed is gone
  })
})

describe('a site', () => {
  test('has a logo and takes the files that its admin chooses, without losing what is not saved', async ({ agent, house }) => {
    const ada = await agent()
    await ada.page.goto(`${house.kefu.origin}/console/settings/sites/${house.site.id}`)
    const title = ada.page.getByLabel(t('panelTitle'))
    await title.fill('Not saved yet')
    const group = ada.page.getByRole('group', { name: p('logo') })
    await group.locator('input[type=file]').setInputFiles(png('logo.png', 960, 240, [30, 90, 160]))
    await expect.poll(() => group.getByRole('img').evaluate(img => (img as HTMLImageElement).naturalWidth)).toBe(480)
    await group.getByRole('button', { name: p('remove') }).waitFor()
    expect(await title.inputValue()).toBe('Not saved yet')

    await ada.page.getByRole('switch', { name: p('archives') }).click()
    const other = ada.page.getByLabel(p('otherTypes'))
    await other.fill('pdf')
    await ada.page.getByText(p('badType', { text: 'pdf' })).waitFor()
    await ada.page.getByRole('button', { name: t('save'), exact: true }).click()
    expect((await house.ada.site()).version).toBe(house.site.version + 1) // the logo's
    await other.fill('model/stl')
    await ada.page.getByRole('button', { name: t('save'), exact: true }).click()
    await ada.page.getByText(t('saved'), { exact: true }).first().waitFor()
    const after = (await house.ada.site()) as unknown as { logo: string; settings: { file_types: string[]; look: { title: string } } }
    expect(after.settings.file_types).toContain('model/stl')
    expect(after.settings.file_types).toContain('application/pdf')
    expect(after.settings.file_types).not.toContain('application/zip')
    expect(after.settings.look.title).toBe('Not saved yet')
    expect(after.logo).toMatch(/^\/pictures\//)
  })
})
