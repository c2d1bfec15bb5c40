/** Files, chosen, pasted and dragged on either side, against a real server. */
import { describe, expect } from 'vitest'
import { widgetWords } from '@words/widget.ts'
import { inboxWords } from '../../web/console/src/features/inbox/words.ts'
import { cutOff } from './harness/browser.ts'
import { bring, ofSize, onDisk, pdf, png, type Given } from './harness/pictures.ts'
import { Proxy } from './harness/proxy.ts'
import { test } from './harness/test.ts'
import { mp4 } from './harness/video.ts'
import { FilesOn } from './pages/files.ts'
import type { AgentPage } from './pages/agent.ts'
import type { VisitorPage } from './pages/visitor.ts'

const ofVisitor = (mia: VisitorPage) => new FilesOn(mia.panel, mia.panel, widgetWords[mia.lang].attach, mia.lang)
const ofAgent = (ada: AgentPage) => new FilesOn(ada.sheet, ada.page, inboxWords[ada.lang].attach, ada.lang)

const red = png('red.png', 640, 480, [190, 40, 40])
const green = png('green.png', 300, 600, [40, 140, 60])
const blue = png('blue.png', 1600, 900, [40, 70, 190])
const bill = pdf('invoice.pdf')

const wanted = ['red.png', 'invoice.pdf', 'blue.png']

describe('files', () => {
  test('that a visitor chooses, pastes and drags reach the agent in their order', async ({ visitor, agent }) => {
    const mia = await visitor()
    await mia.field.waitFor()
    const files = ofVisitor(mia)
    await files.choose(red)
    await files.chips.first().waitFor()
    await bring('paste', mia.panel, [bill])
    await files.chips.nth(1).waitFor()
    await bring('drop', mia.panel, [blue])
    await files.uploaded(3)
    expect(await files.names()).toEqual(wanted)
    await mia.write('Three of them')
    await mia.kept('Three of them').waitFor()
    expect(await files.chips.count()).toBe(0)
    await Promise.all(['red.png', 'blue.png'].map(name => files.picture(name).waitFor()))

    const ada = await agent()
    await ada.openRow('Three of them')
    const seen = ofAgent(ada)
    await seen.card('invoice.pdf').waitFor()
    expect(await Promise.all([0, 1].map(i => FilesOn.loaded(seen.pictures.nth(i))))).toEqual([320, 320])
    const coming = ada.page.waitForEvent('download')
    await seen.card('invoice.pdf').click()
    const got = await coming
    expect(got.suggestedFilename()).toBe('invoice.pdf')
    expect(await contentOf(got.createReadStream())).toEqual(bill.buffer)
  })

  test('that an agent sends, also in a note, are seen by those who may', async ({ visitor, agent }) => {
    const mia = await visitor()
    await mia.write('Show me')
    await mia.kept('Show me').waitFor()
    const ada = await agent()
    await ada.openRow('Show me')
    const files = ofAgent(ada)
    await files.choose(green, bill)
    await files.uploaded(2)
    await ada.field.press('Enter')
    const seen = ofVisitor(mia)
    await seen.card('invoice.pdf').waitFor()
    expect(await FilesOn.loaded(seen.pictures.first())).toBe(300)
    await bring('drop', ada.page, [png('SECRET.png', 40, 40, [0, 0, 0])])
    await files.uploaded(1)
    await ada.note('For us')
    await files.picture('SECRET.png').waitFor()
    await ada.reply('And goodbye')
    await mia.message('And goodbye').waitFor()
    expect(mia.heard.filter(frame => frame.includes('SECRET'))).toEqual([])
    await mia.page.reload()
    await seen.card('invoice.pdf').waitFor()
    expect(await FilesOn.loaded(seen.pictures.first())).toBe(300)
  })

  test('of a film can be played from anywhere, part by part', async ({ visitor, agent, later }) => {
    const mia = await visitor()
    await mia.write('Show me how')
    await mia.kept('Show me how').waitFor()
    const ada = await agent()
    await ada.openRow('Show me how')
    const { paths, remove } = await onDisk([mp4('how.mp4', 12, 400_000)])
    later(remove)
    const files = ofAgent(ada)
    await files.chooseAt(paths)
    await files.uploaded(1)
    const parts: string[] = []
    mia.page.on('response', response => { if (response.status() === 206) parts.push(response.headers()['content-range'] ?? '') })
    await ada.field.press('Enter')
    const film = mia.panel.getByLabel('how.mp4', { exact: true })
    await film.waitFor()
    const seen = await film.evaluate(async element => {
      const video = element as HTMLVideoElement
      const heard = (what: string) => new Promise((done, failed) => {
        video.addEventListener(what, done, { once: true })
        video.addEventListener('error', () => { failed(new Error(video.error?.message)) }, { once: true })
      })
      if (video.readyState < 1) await heard('loadedmetadata')
      const found = { duration: video.duration, width: video.videoWidth, at: 0, played: false }
      const sought = heard('seeked')
      video.currentTime = 10.5
      await sought
      found.at = video.currentTime
      video.muted = true
      const ended = heard('ended')
      await video.play()
      await ended
      return { ...found, played: video.ended }
    })
    expect(seen).toEqual({ duration: 12, width: 64, at: 10.5, played: true })
    expect(parts.every(part => /^bytes \d+-\d+\/48\d{5}$/.test(part)), parts.join()).toBe(true)
    expect(parts.some(part => Number(/\d+/.exec(part)) > 4_000_000), parts.join()).toBe(true)
  })

  test('without a word are a message of their own', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.field.waitFor()
    const files = ofVisitor(mia)
    await files.choose(red)
    await files.uploaded(1)
    await mia.sendButton.click()
    await files.picture('red.png').waitFor()
    await mia.log.getByText(mia.t('sent'), { exact: true }).waitFor()
    const ada = await wire.agent()
    const { rows } = await ada.list('open')
    const last = rows.find(row => row.last?.files?.[0]?.name === 'red.png')?.last
    expect(last?.files).toMatchObject([{ name: 'red.png', type: 'image/png', width: 640, height: 480 }])
    expect(last?.text ?? '').toBe('')
  })

  test('that are drawn late leave a chat at its newest', async ({ visitor }) => {
    const mia = await visitor()
    await mia.field.waitFor()
    await mia.write(Array.from({ length: 40 }, (_, i) => `Line ${i}`).join('\n'))
    await mia.write('The last one')
    await mia.kept('The last one').waitFor()
    const log = mia.panel.locator('.kw-log')
    // In one frame it tells of a scroll and grows: as when the code that draws files comes right after the texts.
    const stays = await log.evaluate(box => {
      box.scrollTop -= 1
      ;(box.firstElementChild as HTMLElement).style.paddingBlockStart = '2000px'
      return new Promise(done => {
        requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => {
          done([box.scrollHeight > 2000 + box.clientHeight, box.scrollHeight - box.scrollTop - box.clientHeight < 2])
        })))
      })
    })
    expect(stays).toEqual([true, true])
  })

  test('that are refused say why, and the message waits until they are gone', async ({ visitor, screen, later }) => {
    screen.expected.push(/status of 4\d\d .*\/files\/v1\//)
    const mia = await visitor()
    await mia.field.waitFor()
    const files = ofVisitor(mia)
    const { paths, remove } = await onDisk([ofSize('large.pdf', 21 * 1024 * 1024), ofSize('empty.txt', 0), bill])
    later(remove)
    await files.chooseAt(paths)
    await files.chip('large.pdf').getByText(files.t('file_too_large', { most: '20 MB' })).waitFor()
    await files.chip('empty.txt').getByText(files.t('empty')).waitFor()
    await mia.write('With a bill')
    await mia.panel.getByText(files.t('settle')).waitFor()
    for (const name of ['large.pdf', 'empty.txt']) await files.chip(name).getByRole('button', { name: files.t('remove', { name }) }).click()
    await mia.field.press('Enter')
    await mia.kept('With a bill').waitFor()
    await files.card('invoice.pdf').waitFor()
  })

  test('are ten at most, keep their order, and one that was taken out does not go along', async ({ visitor, wire }) => {
    const mia = await visitor()
    await mia.field.waitFor()
    const files = ofVisitor(mia)
    const many = Array.from({ length: 12 }, (_, i) => png(`${i + 1}.png`, 60 + i * 20, 80, [20 * i, 90, 120]))
    await files.choose(...many)
    await mia.panel.getByText(files.t('tooMany', { most: 10, n: 2 })).waitFor()
    await files.uploaded(10)
    await files.chips.nth(3).getByRole('button', { name: files.t('remove', { name: '4.png' }) }).click()
    await mia.write('Nine')
    await mia.kept('Nine').waitFor()
    const ada = await wire.agent()
    const { page } = await ada.open(await ada.find('Nine'))
    const names = page.events.find(event => event.text === 'Nine')?.files?.map(({ name }) => name)
    expect(names).toEqual(many.slice(0, 10).map(({ name }) => name).filter(name => name !== '4.png'))
  })

  test('cannot seem to be what they are not, and long names fit', async ({ visitor, agent }) => {
    const mia = await visitor()
    await mia.field.waitFor()
    const files = ofVisitor(mia)
    const long = `${'x'.repeat(196)}.pdf`
    await files.choose(pdf('bill\u202efdp.exe'), pdf('فاتورة رقم ١٢.pdf'), pdf(long))
    await files.uploaded(3)
    await mia.write('Names')
    await mia.kept('Names').waitFor()
    const ada = await agent()
    await ada.openRow('Names')
    await ofAgent(ada).card('billfdp.exe').waitFor()
    for (const page of [mia.page, ada.page]) {
      expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)).toBe(false)
    }
    for (const card of await ofAgent(ada).card('').all()) expect((await card.boundingBox())?.width).toBeLessThanOrEqual(320)
  })

  test('go on after a cut, from where they were', async ({ visitor, wire, house, screen, later }) => {
    const proxy = await Proxy.start(house.kefu.port)
    later(() => proxy.stop())
    screen.expected.push(...cutOff, /net::ERR_/)
    const mia = await visitor({ origin: proxy.origin })
    await mia.write('It is large')
    await mia.kept('It is large').waitFor()
    const parts: string[] = []
    mia.page.on('request', request => { if (request.method() === 'PUT') parts.push(request.url().replace(/.*\//, '')) })
    await mia.page.route('**/parts/2', async route => {
      proxy.set('cut')
      await route.continue()
    }, { times: 1 })
    const files = ofVisitor(mia)
    const large = ofSize('large.pdf', 5 * 1024 * 1024) // two parts
    const { paths, remove } = await onDisk([large])
    later(remove)
    await files.chooseAt(paths)
    await files.chip('large.pdf').getByText(files.t('offline')).waitFor()
    await mia.write('Here it is') // it may be sent before it is up
    await mia.lost.waitFor()
    proxy.set('whole')
    await mia.page.evaluate(() => dispatchEvent(new Event('online'))) // as the browser says when its network is back
    await mia.kept('Here it is').waitFor({ timeout: 45_000 })
    expect(parts.filter(part => part === '1')).toHaveLength(1)
    const coming = mia.page.waitForEvent('download')
    await files.card('large.pdf').click({ timeout: 30_000 })
    expect((await contentOf((await coming).createReadStream())).equals(large.buffer)).toBe(true)
    const peer = await wire.agent()
    expect((await peer.texts(await peer.find('Here it is'))).filter(text => text === 'Here it is')).toHaveLength(1)
  })

  test('of a page that was closed before they were up are not sent, and that is said', async ({ visitor, wire, screen }) => {
    screen.expected.push(/net::ERR_/)
    const mia = await visitor()
    await mia.write('Before')
    await mia.kept('Before').waitFor()
    await mia.page.route('**/complete', () => undefined)
    const files = ofVisitor(mia)
    await files.choose(red)
    await files.chips.first().waitFor()
    await mia.write('Never up')
    await mia.message('Never up').waitFor()
    await mia.page.reload()
    await mia.panel.getByText(files.t('unfinished')).waitFor()
    await mia.write('After')
    await mia.kept('After').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('After'))).toEqual(['Before', 'After'])
  })

  test('of a message that failed go out again by its button, also where the code for files is not there yet', async ({ visitor, wire, screen }) => {
    screen.expected.push(/net::ERR_/)
    const mia = await visitor()
    await mia.write('Before it failed')
    await mia.kept('Before it failed').waitFor()
    await mia.page.route('**/complete', () => undefined)
    const files = ofVisitor(mia)
    await files.choose(red)
    await files.chips.first().waitFor()
    await mia.write('Its words')
    await mia.message('Its words').waitFor()
    let letGo = () => {}
    const held = new Promise<void>(done => { letGo = done })
    await mia.page.route(/\/assets\/part-[^/]*\.js$/, async route => {
      await held
      await route.continue()
    })
    await mia.page.reload()
    await mia.panel.getByRole('button', { name: mia.t('resend') }).click()
    letGo()
    await mia.kept('Its words').waitFor()
    await mia.write('Behind it')
    await mia.kept('Behind it').waitFor()
    const ada = await wire.agent()
    expect(await ada.texts(await ada.find('Behind it'))).toEqual(['Before it failed', 'Its words', 'Behind it'])
  })
})

describe('the pictures of a site and its agents', () => {
  test('stand beside their words, move nothing, and where they do not come there are initials', async ({ visitor, house, wire, screen }) => {
    screen.expected.push(/status of 404 .*\/pictures\//)
    const put = async (path: string, { buffer }: Given) => {
      const answer = await fetch(`${house.kefu.origin}/api/v1${path}`, { method: 'PUT', headers: { origin: house.kefu.origin, cookie: `kefu=${house.ada.token}`, 'content-type': 'application/octet-stream' }, body: new Uint8Array(buffer) })
      expect(answer.status, await answer.text()).toBe(200)
    }
    const mia = await visitor()
    await mia.write('Who is there?')
    await mia.kept('Who is there?').waitFor()
    const ada = await wire.agent()
    const c = await ada.find('Who is there?')
    await ada.command({ t: 'send', c, text: 'It is Ada' })
    await mia.message('It is Ada').waitFor()
    const places = () => mia.page.evaluate(() => ['.avatar', '.kw-bubble', '.kw-bar__name'].flatMap(what => [...document.querySelectorAll<HTMLElement>(what)].map(one => [one.offsetLeft, one.offsetTop])))
    const before = await places()
    await put('/me/portrait', green)
    await put(`/sites/${house.site.id}/logo`, png('logo.png', 400, 100, [30, 60, 160]))

    const pictures = mia.page.locator('.avatar img, header img')
    await mia.page.route('**/pictures/**', route => route.fulfill({ status: 404 }))
    const lost = mia.page.waitForResponse('**/pictures/**')
    await expect.poll(async () => { // its face is kept for a minute
      await mia.page.evaluate(site => fetch(`/api/v1/widget/${site}`, { cache: 'reload' }), house.site.key)
      await mia.page.reload()
      await mia.message('It is Ada').waitFor()
      return Promise.race([lost.then(() => true), new Promise(done => { setTimeout(() => { done(false) }, 500) })])
    }).toBe(true)
    expect(await pictures.count()).toBe(0)
    expect(await mia.page.locator('.avatar').first().innerText()).toBe('A')

    await mia.page.unroute('**/pictures/**')
    await mia.page.reload()
    await mia.page.locator('.avatar img').first().waitFor()
    await mia.page.locator('header img:not(.avatar img)').waitFor()
    expect(await Promise.all((await pictures.all()).map(one => FilesOn.loaded(one)))).toEqual([256, 400, 256])
    expect(await places()).toEqual(before)
    expect(await pictures.evaluateAll(all => all.map(one => one.getAttribute('alt')))).toEqual(['', '', ''])
  })
})

describe('the lightbox', () => {
  const trip = (files: FilesOn, page: VisitorPage['page']) => ({
    async walk() {
      const from = files.picture('green.png')
      await from.focus()
      await page.keyboard.press('Enter')
      await files.looking('green.png')
      await page.keyboard.press('ArrowRight')
      await files.looking('blue.png')
      await page.keyboard.press('ArrowRight')
      await files.looking('red.png')
      await page.keyboard.press('ArrowLeft')
      await files.looking('blue.png')
      // The focus cannot leave it.
      for (const key of ['Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Shift+Tab', 'Shift+Tab']) {
        await page.keyboard.press(key)
        expect(await files.box.evaluate(box => box.contains(document.activeElement))).toBe(true)
      }
      await page.keyboard.press('Escape')
      await files.box.waitFor({ state: 'detached' })
      expect(await from.evaluate(button => button === document.activeElement)).toBe(true)
    },
  })

  test('goes by the keys alone, on both sides', async ({ visitor, agent }) => {
    const mia = await visitor()
    await mia.field.waitFor()
    const files = ofVisitor(mia)
    await files.choose(red, green, blue)
    await files.uploaded(3)
    await mia.write('Three pictures')
    await mia.kept('Three pictures').waitFor()
    await trip(files, mia.page).walk()
    const ada = await agent()
    await ada.openRow('Three pictures')
    await trip(ofAgent(ada), ada.page).walk()
    expect(await ada.field.isVisible()).toBe(true)
  })

  test('stands in the frame of a website, and Escape leaves the panel open', async ({ visitor, house }) => {
    const shop = await visitor({ path: `/demo?site=${house.site.key}` })
    await shop.openPanel()
    const files = ofVisitor(shop)
    await files.choose(red, green, blue)
    await files.uploaded(3)
    await shop.write('From the shop')
    await shop.kept('From the shop').waitFor()
    await trip(files, shop.page).walk()
    expect(await shop.field.isVisible()).toBe(true)
  })
})

async function contentOf(coming: Promise<AsyncIterable<Uint8Array>>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of await coming) parts.push(part)
  return Buffer.concat(parts)
}

