// @vitest-environment happy-dom
import { createPinia, setActivePinia, type Pinia } from 'pinia'
import { createApp, h, nextTick, type Component } from 'vue'
import { createMemoryHistory } from 'vue-router'
import { beforeEach, expect, it } from 'vitest'
import type { Row, Site } from '../../backend/types.ts'
import { makeRouter } from '../../router.ts'
import LinkedText from '../../parts/LinkedText.vue'
import TextField from '../../parts/TextField.vue'
import { lang } from '../../ui/language.ts'
import ListRow from './ListRow.vue'
import LogLine from './LogLine.vue'
import { useInbox } from './store.ts'

let pinia: Pinia

beforeEach(() => {
  pinia = createPinia()
  setActivePinia(pinia)
})

function draw(component: Component, props: Record<string, unknown>): HTMLElement {
  const place = document.body.appendChild(document.createElement('div'))
  createApp({ render: () => h(component, props) }).use(pinia).use(makeRouter(createMemoryHistory())).mount(place)
  return place
}

const site = (id: string, name: string): Site => ({ id, name, role: 'agent' })
const row: Row = {
  c: 'c', v: 1, site: '1', visitor: { key: 'k', site: '1', presence: 'online', page: { url: 'https://shop.test/', title: 'Teapots' } },
  round: { number: 1, state: 'assigned', agent: { id: 'me', name: 'Me' } }, last_at: 1, unread: 0,
}

it('names the site in a row only where there are several', async () => {
  const inbox = useInbox()
  inbox.sites = [site('1', 'Harbour')]
  const meta = draw(ListRow, { row, current: false }).getElementsByClassName('row__meta')
  expect(meta[0]?.textContent).toBe('Teapots')
  inbox.sites = [site('1', 'Harbour'), site('2', 'Hillside')]
  await nextTick()
  expect(meta[0]?.textContent).toBe('Harbour·Teapots')
})

it('marks a row that was handed to this agent', async () => {
  const place = draw(ListRow, { row, current: false })
  expect(place.querySelector('.row--unread, .row__handed')).toBeNull()
  useInbox().handed = new Set(['c'])
  await nextTick()
  expect([place.querySelector('.row--unread') !== null, place.querySelector('.row__handed')?.textContent]).toEqual([true, 'Handed to you'])
})

it('makes links of addresses, and text of everything else', () => {
  const text = 'a <b> https://example.com/a, javascript:alert(1)\n mailto:tea@example.com'
  const place = draw(LinkedText, { text })
  expect(place.textContent).toBe(text)
  expect([...place.querySelectorAll('*')].map(one => [one.tagName, one.getAttribute('href'), one.getAttribute('rel'), one.getAttribute('target')])).toEqual([
    ['A', 'https://example.com/a', 'noopener noreferrer nofollow', '_blank'],
    ['A', 'mailto:tea@example.com', 'noopener noreferrer nofollow', '_blank'],
  ])
})

it('gives the first field of a form the focus', () => {
  const place = draw(TextField, { label: 'Name', modelValue: '', first: true })
  expect(document.activeElement).toBe(place.querySelector('input'))
})

it('cuts a name at its own end, whichever way it runs', () => {
  const place = draw(ListRow, { row: { ...row, visitor: { ...row.visitor, says: { name: 'مريم العلي' } } }, current: false })
  for (const cut of place.querySelectorAll('.cut')) expect(cut.getAttribute('dir')).toBe('auto')
  expect(place.querySelector('.row__name')?.textContent).toBe('مريم العلي')
})

it('marks who is typing where the name is only said', async () => {
  const visitor = { ...row.visitor, says: { name: 'Mia' } }
  const line = draw(LogLine, { c: 'c', line: { type: 'typing', key: 'typing' }, visitor }).querySelector('.bubble')
  expect(line?.textContent).toContain('\u2068Mia\u2069 (says so) is typing')
  lang.value = 'zh-CN'
  await nextTick()
  expect(line?.textContent).toContain('\u2068Mia\u2069（自称）正在输入')
  lang.value = 'en'
  const vouched = draw(LogLine, { c: 'c', line: { type: 'typing', key: 'typing' }, visitor: { ...visitor, vouched: { id: '4711', name: 'Lin' } } })
  expect(vouched.querySelector('.bubble')?.textContent).toContain('Lin is typing')
})
