// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, h, nextTick, type App, type Component } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { translator } from '@words/words.ts'
import { Refused, restKey, type Rest } from '../../../backend/rest.ts'
import { webhookTypes, type Webhook, type WebhookDelivery } from '../../../backend/integration.ts'
import { addressProblem, joined, nameOf, whyText } from './rules.ts'
import { webhookWords } from './words.ts'
import OneWebhook from './OneWebhook.vue'
import Webhooks from './Webhooks.vue'

const hook: Webhook = { id: '5', name: 'Tickets', url: 'https://hooks.example/kefu', types: ['message.created'], state: 'on', made_by: 'Ada', made_at: 1_800_000_000_000, waiting: 0 }
const sent = (id: string, more: Partial<WebhookDelivery> = {}): WebhookDelivery => ({ id, message_id: `m.${id}`, type: 'message.created', delivered: true, status: 200, took_ms: 12, tries: 1, at: Date.now(), ...more })

const calls = ['webhooks', 'webhook', 'makeWebhook', 'changeWebhook', 'deleteWebhook', 'rotateWebhook', 'resumeWebhook', 'pingWebhook', 'deliveries', 'replayDelivery', 'replaySince'] as const
let app: App | undefined
let router: Router
let rest: Record<(typeof calls)[number], ReturnType<typeof vi.fn>>

beforeEach(() => {
  document.body.innerHTML = ''
  rest = Object.fromEntries(calls.map(name => [name, vi.fn(() => Promise.resolve())])) as unknown as typeof rest
  rest.webhooks.mockResolvedValue([hook])
  rest.webhook.mockResolvedValue(hook)
  rest.deliveries.mockResolvedValue({ deliveries: [sent('9')] })
  router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:all(.*)*', component: { render: () => null } }] })
})
afterEach(() => { app?.unmount() })

const settled = async () => { for (let i = 0; i < 12; i++) { await Promise.resolve(); await nextTick() } }

async function draw(component: Component, props: object): Promise<HTMLElement> {
  const place = document.body.appendChild(document.createElement('div'))
  app = createApp({ render: () => h(component, props) })
  app.use(createPinia()).use(router).provide(restKey, rest as unknown as Rest).mount(place)
  await settled()
  return place
}
const list = () => draw(Webhooks, { site: '7' })
const one = () => draw(OneWebhook, { site: '7', webhook: '5' })

async function press(text: string, among: ParentNode = document.body): Promise<void> {
  const found = [...among.querySelectorAll('button')].find(button => button.textContent.trim() === text || button.getAttribute('aria-label') === text)
  if (!found) throw new Error(`there is no button ${text}`)
  found.click()
  await settled()
}

/** Opens a menu, as the keyboard does. */
async function open(menu: string, among: ParentNode = document.body): Promise<HTMLElement[]> {
  const trigger = [...among.querySelectorAll('button')].find(button => button.getAttribute('aria-label')?.startsWith(menu))
  trigger?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))
  await settled()
  return [...document.body.querySelectorAll<HTMLElement>('[role=menuitem]')]
}

async function choose(menu: string, item: string, among?: ParentNode): Promise<void> {
  const found = (await open(menu, among)).find(entry => entry.textContent.trim() === item)
  if (!found) throw new Error(`there is no item ${item}`)
  found.click()
  await settled()
}

const dialog = () => document.body.querySelector<HTMLElement>('[role=dialog]')

async function write(text: string): Promise<void> {
  const input = dialog()?.querySelector('input')
  if (!input) throw new Error('there is no field')
  input.value = text
  input.dispatchEvent(new Event('input'))
  await settled()
}

describe('the list', () => {
  it('says what webhooks are for where there are none', async () => {
    rest.webhooks.mockResolvedValueOnce([])
    expect((await list()).textContent).toContain('A webhook tells a server of yours at once')
  })

  it('shows state, last try and what waits', async () => {
    rest.webhooks.mockResolvedValueOnce([{ ...hook, delivered_at: 2, failed_at: 1 }, { ...hook, id: '6', name: '', state: 'paused', waiting: 3, delivered_at: 1, failed_at: 2 }, { ...hook, id: '7', state: 'deleting' }])
    const rows = [...(await list()).querySelectorAll('tbody tr')].map(row => row.textContent.replace(/\s+/g, ' '))
    expect(rows[0]).toMatch(/Tickets.*1 kind of event.*On.*Delivered/)
    expect(rows[1]).toMatch(/hooks\.example.*Paused.*Failed.*3/)
    expect(rows[2]).toMatch(/Deleting.*Nothing sent yet/)
    expect(rest.deliveries).not.toHaveBeenCalled()
  })

  it('makes none without an address and an event, and shows its secret once', async () => {
    const place = await list()
    await press('Create a webhook', place)
    await press('Create a webhook', dialog() ?? undefined)
    expect(dialog()?.textContent).toContain('Write the whole address with https://')
    expect(rest.makeWebhook).not.toHaveBeenCalled()
    await write(' https://hooks.example/new ')
    rest.makeWebhook.mockResolvedValueOnce({ webhook: { ...hook, id: '6' }, secret: 'whsec_abc' })
    await press('Create a webhook', dialog() ?? undefined)
    expect(rest.makeWebhook).toHaveBeenCalledWith('7', { name: '', url: 'https://hooks.example/new', types: webhookTypes.filter(type => !type.startsWith('note.')), on: true })
    expect(dialog()?.textContent).toContain('whsec_abc')
    await press('I have it')
    expect(document.body.textContent).not.toContain('whsec_abc')
    await vi.waitFor(() => { expect(router.currentRoute.value.path).toBe('/settings/sites/7/webhooks/6') })
  })

  it.each([
    [new Refused(422, 'bad_value', '', 'url'), 'no private network has it'],
    [new Refused(409, 'conflict', ''), 'ten webhooks, the most there can be'],
  ])('says why one was not made', async (refused, words) => {
    await press('Create a webhook', await list())
    await write('https://10.0.0.1/')
    rest.makeWebhook.mockRejectedValueOnce(refused)
    await press('Create a webhook', dialog() ?? undefined)
    expect(dialog()?.textContent).toContain(words)
  })

  it.each([
    ['the server refuses it all', 'ten webhooks, the most there can be'],
    ['no event is chosen', 'Choose at least one event'],
  ])('shows beside the button why one was not made where no field is wrong: %s', async (why, words) => {
    const shown: string[] = []
    const scrolled = vi.spyOn(Element.prototype, 'scrollIntoView').mockImplementation(function (this: Element) { shown.push(this.textContent) })
    await press('Create a webhook', await list())
    await write('https://hooks.example/new')
    const chosen = () => dialog()?.querySelector<HTMLElement>('[type=checkbox]:checked')
    while (why === 'no event is chosen' && chosen()) {
      chosen()?.click()
      await settled()
    }
    rest.makeWebhook.mockRejectedValueOnce(new Refused(409, 'conflict', ''))
    await press('Create a webhook', dialog() ?? undefined)
    expect(dialog()?.querySelector('.dlg__acts')?.previousElementSibling?.textContent).toContain(words)
    expect(shown).toEqual([expect.stringContaining(words)])
    scrolled.mockRestore()
  })

  it('has no button for an eleventh', async () => {
    const ten = Array.from({ length: 10 }, (_, i) => ({ ...hook, id: String(i) }))
    rest.webhooks.mockResolvedValueOnce([...ten.slice(1), { ...hook, state: 'deleting' }])
    expect((await list()).querySelector('button')).not.toBeNull()
    app?.unmount()
    rest.webhooks.mockResolvedValueOnce(ten)
    const place = await list()
    expect(place.querySelector('button')).toBeNull()
    expect(place.textContent).toContain('There are ten')
  })
})

describe('one of them', () => {
  it('says why it is paused, and resumes it', async () => {
    rest.webhook.mockResolvedValue({ ...hook, state: 'paused', paused_at: Date.now(), why: 'it did not answer in time' })
    rest.resumeWebhook.mockResolvedValueOnce(hook)
    const place = await one()
    expect(place.textContent).toMatch(/Paused since [\d:]+: it did not answer in time\./)
    await press('Resume')
    expect(rest.resumeWebhook).toHaveBeenCalledWith('7', '5')
    expect(place.textContent).not.toContain('Paused since')
  })

  it.each([['paused', 'Resume'], ['off', 'Turn on']] as const)('has the focus on its actions when the notice that it is %s goes with the button %s', async (state, act) => {
    rest.webhook.mockResolvedValue({ ...hook, state })
    rest.resumeWebhook.mockResolvedValueOnce({ ...hook, state: 'resuming' })
    rest.changeWebhook.mockResolvedValueOnce(hook)
    const place = await one()
    place.querySelector<HTMLElement>('.hookpage__notice button')?.focus()
    await press(act, place)
    expect(place.querySelector('.hookpage__notice button')).toBeNull()
    expect(document.activeElement?.getAttribute('aria-label')).toBe('More actions')
  })

  it('offers no second act while the first is under way', async () => {
    const offered = (items: HTMLElement[]) => items.filter(item => item.getAttribute('aria-disabled') !== 'true').map(item => item.textContent.trim())
    rest.webhook.mockResolvedValue({ ...hook, state: 'paused' })
    rest.resumeWebhook.mockReturnValueOnce(new Promise(() => undefined))
    const place = await one()
    const row = place.querySelector('tr.delivery') ?? place
    await press('Resume', place)
    expect(offered(await open('More actions'))).toEqual(['Edit'])
    document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))
    await settled()
    rest.replayDelivery.mockReturnValueOnce(new Promise(() => undefined))
    await choose('Actions', 'Send again', row)
    expect(offered(await open('Actions', row))).toEqual([])
  })

  it.each([['/settings/sites/7/webhooks/5', [['/settings/sites/7/webhooks']]], ['/inbox', []]])('leads from itself to the others once it is deleted, and from nowhere else: %s', async (by, led) => {
    await router.push('/settings/sites/7/webhooks/5')
    let come: () => void = () => undefined
    rest.deleteWebhook.mockReturnValueOnce(new Promise<void>(resolve => { come = resolve }))
    await one()
    await choose('More actions', 'Delete')
    await press('Delete', dialog() ?? undefined)
    await router.push(by)
    const replace = vi.spyOn(router, 'replace')
    come()
    await settled()
    expect(replace.mock.calls).toEqual(led)
  })

  it('is turned off only after it has asked, and keeps what else it has', async () => {
    await one()
    await choose('More actions', 'Turn off')
    expect(rest.changeWebhook).not.toHaveBeenCalled()
    rest.changeWebhook.mockResolvedValueOnce({ ...hook, state: 'off' })
    await press('Turn off', dialog() ?? undefined)
    expect(rest.changeWebhook).toHaveBeenCalledWith('7', '5', { name: 'Tickets', url: hook.url, types: hook.types, on: false })
  })

  it('says what it is busy with by itself, and why it cannot be turned on yet', async () => {
    rest.webhook.mockResolvedValue({ ...hook, state: 'paused', why: 'it failed for three days; the last time: it did not answer in time' })
    rest.resumeWebhook.mockResolvedValueOnce({ ...hook, state: 'resuming' })
    const place = await one()
    await press('Resume')
    expect(place.textContent).toContain('nothing is sent until then')
    app?.unmount()
    rest.webhook.mockResolvedValue({ ...hook, state: 'off' })
    rest.changeWebhook.mockRejectedValueOnce(new Refused(503, 'busy', ''))
    const off = await one()
    await press('Turn on', off)
    expect(off.textContent).toContain('What waited when it was turned off is still being removed')
  })

  it('says what was lost to retention, and offers not to send that again', async () => {
    rest.webhook.mockResolvedValue({ ...hook, lost: 12, lost_at: Date.now() })
    rest.deliveries.mockResolvedValue({ deliveries: [{ ...sent('9', { type: 'lost', delivered: false, tries: 0, why: 'up to 12 events of 3 conversations were removed before they could be sent' }), status: undefined }] })
    const place = await one()
    expect(place.textContent).toMatch(/Up to 12 events, noticed last/)
    const row = place.querySelector('tr.delivery') ?? place
    expect(row.textContent).toMatch(/Lost.*Not sent.*of 3 conversations/s)
    await expect(choose('Actions', 'Send again', row)).rejects.toThrow('no item')
  })

  it('says what became of a test', async () => {
    const place = await one()
    rest.pingWebhook.mockResolvedValueOnce(sent('10', { type: 'ping', took_ms: 35 }))
    await press('Send a test')
    expect(place.textContent).toContain('The test was delivered: 200 after 35 ms.')
    rest.pingWebhook.mockResolvedValueOnce({ ...sent('11', { type: 'ping', delivered: false, why: 'it accepts no connections on this port' }), status: undefined })
    await press('Send a test')
    expect(place.textContent).toContain('The test was not delivered: it accepts no connections on this port.')
  })

  it('shows the log page by page, and sends an entry again, or all from it on', async () => {
    rest.deliveries.mockImplementation((_site: string, _id: string, page: { cursor?: string }) =>
      Promise.resolve(page.cursor ? { deliveries: [sent('8', { delivered: false, status: 500, answer: 'Oops' })] } : { deliveries: [sent('9')], next: '9' }))
    const place = await one()
    await press('Show older ones', place)
    expect(rest.deliveries).toHaveBeenLastCalledWith('7', '5', { limit: 50, cursor: '9', failed: false })
    expect(place.querySelectorAll('tr.delivery')).toHaveLength(2)
    expect([...place.querySelectorAll('button')].some(button => button.textContent.trim() === 'Show older ones')).toBe(false)
    const details = [...place.querySelectorAll<HTMLElement>('[aria-expanded]')].filter(button => button.getAttribute('aria-label')?.startsWith('Details'))
    details[1]?.click()
    await settled()
    expect(place.textContent).toContain('Oops')
    const older = [...place.querySelectorAll('tr.delivery')][1] ?? place
    await choose('Actions', 'Send again', older)
    expect(rest.replayDelivery).toHaveBeenCalledWith('7', '5', '8')
    await choose('Actions', 'Send all again from here…', older)
    rest.replaySince.mockResolvedValueOnce(2)
    await press('Send all again', dialog() ?? undefined)
    expect(rest.replaySince).toHaveBeenCalledWith('7', '5', '8')
  })

  it.each(['its first page', 'an older page'])('loads the log that was chosen while %s was under way', async what => {
    let come: () => void = () => undefined
    const waits = new Promise<void>(resolve => { come = resolve })
    const slow = () => waits.then(() => ({ deliveries: [sent('8')] }))
    rest.deliveries.mockImplementation((_site: string, _id: string, page: { cursor?: string; failed: boolean }) => {
      if (page.failed) return Promise.resolve({ deliveries: [sent('7', { delivered: false, status: 503 })] })
      return page.cursor || what === 'its first page' ? slow() : Promise.resolve({ deliveries: [sent('9')], next: '9' })
    })
    const place = await one()
    if (what === 'an older page') await press('Show older ones', place)
    place.querySelectorAll<HTMLElement>('[type=radio]')[1]?.click()
    await settled()
    expect(place.querySelector('tr.delivery')).toBeNull()
    come()
    await settled()
    expect([...place.querySelectorAll('tr.delivery')].map(row => row.textContent.includes('503'))).toEqual([true])
  })

  it('is deleted when what looks at it has come, and shown again where that is refused', async () => {
    vi.useFakeTimers()
    try {
      const place = await one()
      let come: () => void = () => undefined
      rest.webhook.mockReturnValueOnce(new Promise<Webhook>(resolve => { come = () => { resolve(hook) } }))
      await vi.advanceTimersByTimeAsync(2_000)
      await choose('More actions', 'Delete')
      rest.deleteWebhook.mockRejectedValueOnce(new Refused(503, 'unavailable', ''))
      await press('Delete', dialog() ?? undefined)
      expect(rest.deleteWebhook).not.toHaveBeenCalled()
      come()
      await settled()
      expect(rest.deleteWebhook).toHaveBeenCalledWith('7', '5')
      expect(place.querySelector('table')).not.toBeNull()
      const looks = rest.webhook.mock.calls.length
      await choose('More actions', 'Delete')
      rest.deleteWebhook.mockReturnValueOnce(new Promise(() => undefined))
      await press('Delete', dialog() ?? undefined)
      await vi.advanceTimersByTimeAsync(6_000)
      expect(rest.webhook.mock.calls.length).toBe(looks)
    } finally {
      vi.useRealTimers()
    }
  })

  it('says that there is none', async () => {
    rest.webhook.mockRejectedValue(new Refused(404, 'not_found', ''))
    expect((await one()).textContent).toContain('There is no such webhook')
  })
})

it('judges an address as far as it can be judged here', () => {
  expect(['', 'hooks.example/kefu', 'ftp://hooks.example', 'https://'].map(addressProblem)).toEqual(Array(4).fill('needAddress'))
  expect(addressProblem('https://ada:secret@hooks.example/')).toBe('noCredentials')
  expect(addressProblem('https://hooks.example/#top')).toBe('noHash')
  expect(['https://hooks.example:8443/a?b=c', 'http://10.0.0.1/'].map(addressProblem)).toEqual([null, null])
  expect([nameOf(hook), nameOf({ ...hook, name: '' })]).toEqual(['Tickets', 'hooks.example'])
})

it('says the server’s reasons in Chinese, and one that it does not know as it is', () => {
  const t = translator(webhookWords, 'zh-CN')
  for (const why of [
    'it answered 410: it wants nothing more', 'it answered 503', 'its name was not found in the DNS', 'its certificate is not valid: x509: expired', 'it did not answer in time',
    'it accepts no connections on this port', 'it closed the connection before it had answered', 'it cannot be reached', 'its port is 25: use 443, or one from 1024',
    'it is at a private address, which outbound.allow of the server\'s configuration does not allow', 'its address begins with http://: use https://, or have its network put into outbound.allow of the server\'s configuration',
    'it redirects more than 3 times', 'it redirects from https to http', 'up to 12 events of 3 conversations were removed before they could be sent',
    'events 3 to 9 of conversation 0198c5a2-51f4-7792-9b06-04ab53df23b2 were removed before they could be sent',
  ]) expect(whyText(t, why)).toMatch(/\p{sc=Han}/u)
  expect(whyText(t, 'it failed for three days; the last time: it answered 503')).toBe('连续三天失败，最近一次：应答为 503')
  expect(whyText(t, 'stopped after 3 redirects')).toBe('stopped after 3 redirects')
})

it('brings a page of the log up to date: new, changed and gone entries, whatever the page', () => {
  const rows = ['12', '11', '10', '9', '8'].map(id => sent(id))
  const newest = joined(rows, { deliveries: [sent('13'), sent('11', { tries: 2 })], next: '11' })
  expect(newest.map(row => [row.id, row.tries])).toEqual([['13', 1], ['11', 2], ['10', 1], ['9', 1], ['8', 1]])
  expect(joined(rows, { deliveries: [sent('8', { tries: 3 })] }, '10').map(row => [row.id, row.tries])).toEqual([['12', 1], ['11', 1], ['10', 1], ['8', 3]])
  expect(joined([sent('9')], { deliveries: [sent('10'), sent('9')] }).map(row => row.id)).toEqual(['10', '9'])
})
