// @vitest-environment happy-dom
import { effectScope, nextTick } from 'vue'
import { expect, it, vi } from 'vitest'
import { webAddress } from './address.ts'
import { mailProblem, originOf, passwordTooShort, secretIn } from './checks.ts'
import { press, useKeys } from './keys.ts'
import { friendlyName, initials, isSaid, nameOf } from './people.ts'
import { defineWords } from '@words/words.ts'
import { lang, useWords } from './language.ts'
import { preferences } from './preferences.ts'
import { waitOf } from './wait.ts'
import { draftOf, forgetDraft, forgetDrafts, keepDraft, moveDraft } from '../features/inbox/drafts.ts'
import { titleOf } from '../features/inbox/alerts.ts'
import { marked } from '../features/palette/match.ts'
import { inkOn } from '../features/settings/contrast.ts'
import { strengthOf } from '../parts/strength.ts'

function key(name: string, more: KeyboardEventInit = {}, target: EventTarget = document.body): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true, ...more })
  target.dispatchEvent(event)
  press(event)
  return event
}

it('runs the newest binding of a key, sequences too, and rests in fields, dialogs and while composing', () => {
  const below = vi.fn()
  const above = vi.fn()
  const go = vi.fn()
  const scope = effectScope()
  const inner = effectScope()
  scope.run(() => { useKeys({ j: below, 'g v': go }) })
  inner.run(() => { useKeys({ j: above }) })
  key('j')
  expect([below.mock.calls.length, above.mock.calls.length]).toEqual([0, 1])
  inner.stop()
  key('J')
  expect(below).toHaveBeenCalledTimes(1)
  key('g')
  key('v')
  expect(go).toHaveBeenCalledTimes(1)

  const field = document.body.appendChild(document.createElement('textarea'))
  key('j', {}, field)
  key('j', { isComposing: true })
  const dialog = document.body.appendChild(document.createElement('div'))
  dialog.setAttribute('role', 'dialog')
  key('j')
  dialog.remove()
  preferences.value.singleKeys = false
  key('j')
  preferences.value.singleKeys = true
  expect(below).toHaveBeenCalledTimes(1)
  scope.stop()
})

it('keeps a draft for each conversation, and forgets a blank one', async () => {
  keepDraft('me', 'a', 'half a sentence', 'note', 1)
  keepDraft('me', 'b', 'other', 'reply', 2)
  await nextTick()
  expect(draftOf('me', 'a')).toMatchObject({ text: 'half a sentence', mode: 'note' })
  expect(localStorage.getItem('kefu.drafts')).toContain('half a sentence')
  keepDraft('me', 'a', ' ', 'reply', 3)
  expect(draftOf('me', 'a').text).toBe('')
  for (let i = 0; i < 300; i++) keepDraft('me', `c${i}`, 'x', 'reply', 10 + i)
  expect(draftOf('me', 'b').text).toBe('')
  expect(draftOf('me', 'c299').text).toBe('x')
})

it('gives anonymous visitors distinct, stable names', () => {
  expect(friendlyName('k1', 'en-GB')).toBe(friendlyName('k1', undefined))
  const names = new Set(Array.from({ length: 500 }, (_, i) => friendlyName(`visitor ${i}`, 'zh-CN')))
  expect(names.size).toBeGreaterThan(495)
})

it('calls a visitor the same in both languages of the console', () => {
  const visitor = (language?: string) => ({ key: 'k1', site: '1', presence: 'online' as const, ...(language && { language }) })
  const seen = (['zh-CN', 'en'] as const).map(one => {
    lang.value = one
    return [nameOf(visitor('en-US')), nameOf(visitor('zh-TW')), nameOf(visitor())]
  })
  expect(seen[0]).toEqual(seen[1])
  expect(seen[0]?.map(name => /[\u4e00-\u9fff]/.test(name))).toEqual([false, true, false])
})

it('shortens names', () => {
  expect(initials('Hannah Weiss')).toBe('HW')
  expect(initials('清和茶行')).toBe('清')
  expect(initials('Calm Otter 07')).toBe('CO')
  expect(initials('  ')).toBe('')
  expect(initials('\u200fمريم \u200fالعلي')).toBe('ما')
  expect(initials('\u2067\u2069')).toBe('')
})

it('keeps a name that runs from right to left apart from the sentence around it', () => {
  const t = useWords(defineWords({ has: '{name} 有 {n} 个' }, { has: '{name} has {n}' }))
  lang.value = 'en'
  expect(t('has', { name: 'مريم', n: 2 })).toBe('\u2068مريم\u2069 has 2')
  expect(t('has', { name: 'Ada', n: 2 })).toBe('Ada has 2')
})

it('tones a wait by the goal of the site', () => {
  expect(waitOf(undefined, 100, 240)).toBeNull()
  expect(waitOf(1000, 1000 + 100_000, 240)?.tone).toBe('calm')
  expect(waitOf(1000, 1000 + 144_000, 240)?.tone).toBe('soon')
  expect(waitOf(1000, 1000 + 240_001, 240)).toMatchObject({ tone: 'late', share: 1 })
})

it('links to web addresses only', () => {
  expect(webAddress('javascript:alert(1)')).toBeNull()
  expect(webAddress('data:text/html,x')).toBeNull()
  expect(webAddress('not an address')).toBeNull()
  expect(webAddress('https://shop.example/a?b=c')).toMatchObject({ short: 'shop.example/a', host: 'shop.example' })
})

it('checks what is typed into forms', () => {
  expect([mailProblem(''), mailProblem('lin'), mailProblem('lin@hillside'), mailProblem('lin@hillside.example')]).toEqual(['empty', 'noAt', 'incomplete', null])
  expect(passwordTooShort('短短短短短短短短短短短')).toBe(true)
  expect(passwordTooShort('短短短短短短短短短短短短')).toBe(false)
  expect([originOf('shop.example/path'), originOf('http://localhost:3000'), originOf('nonsense'), originOf('javascript:x')]).toEqual(['https://shop.example', 'http://localhost:3000', null, null])
  expect(secretIn('#abc')).toBe('abc')
  expect([strengthOf(''), strengthOf('short'), strengthOf('aaaaaaaaaaaaaaaa'), strengthOf('celadon and rain')]).toEqual([0, 1, 1, 3])
})

it('marks what was found', () => {
  expect(marked('Hannah Weiss', 'han')).toEqual(['', 'Han', 'nah Weiss'])
  expect(marked('Hannah Weiss', 'weiss han')).toEqual(['Hannah ', 'Weiss', ''])
  expect(marked('Hannah', 'x')).toBeNull()
})

it('says which ink a colour takes', () => {
  expect(inkOn('#2a4fd6')).toMatchObject({ ink: 'white' })
  expect(inkOn('#2a4fd6').ratio).toBeCloseTo(6.6, 1)
  expect(inkOn('#e8b931').ink).toBe('dark')
})

it('counts in the title', () => {
  expect(titleOf(3, 'Conversations')).toBe('(3) Conversations · Kefu')
  expect(titleOf(0, '')).toBe('Kefu')
})

it('takes a draft along to where the conversation goes on, and never makes a reply of a note', () => {
  forgetDrafts()
  keepDraft('me', 'old', 'half', 'reply', 1)
  moveDraft('me', 'old', 'new', 2)
  expect([draftOf('me', 'old').text, draftOf('me', 'new')]).toEqual(['', { text: 'half', mode: 'reply', at: 2 }])
  keepDraft('me', 'other', 'for colleagues', 'note', 3)
  moveDraft('me', 'other', 'new', 4)
  expect(draftOf('me', 'new')).toEqual({ text: 'half\nfor colleagues', mode: 'note', at: 4 })
  keepDraft('me', 'third', 'a reply', 'reply', 5)
  moveDraft('me', 'third', 'new', 6)
  expect(draftOf('me', 'new').mode).toBe('note')
  moveDraft('me', 'empty', 'new', 7)
  expect(draftOf('me', 'new').at).toBe(6)
  keepDraft('me', 'files', '', 'note', 8)
  moveDraft('me', 'files', 'fresh', 9)
  expect(draftOf('me', 'fresh').mode).toBe('reply')
  moveDraft('me', 'files', 'fresh', 10, true)
  expect(draftOf('me', 'fresh')).toEqual({ text: '', mode: 'note', at: 10 })
})

it('forgets what everybody wrote on this machine in a conversation that is no more', () => {
  forgetDrafts()
  keepDraft('me', 'c', 'mine', 'reply', 1)
  keepDraft('ben', 'c', 'his', 'note', 1)
  keepDraft('me', 'cc', 'stays', 'reply', 1)
  forgetDraft('c')
  expect([draftOf('me', 'c').text, draftOf('ben', 'c').text, draftOf('me', 'cc').text]).toEqual(['', '', 'stays'])
})

it('believes the website more than its page, and says who only says a name', () => {
  const one = { key: 'k', site: '1', presence: 'online' as const, verified: true }
  const both = { ...one, vouched: { id: '7', name: 'Mia' }, says: { name: 'Boss' } }
  expect([nameOf(both), isSaid(both)]).toEqual(['Mia', false])
  const said = { ...one, vouched: { id: '7' }, says: { name: 'Boss' } }
  expect([nameOf(said), isSaid(said)]).toEqual(['Boss', true])
  expect(isSaid(one)).toBe(false)
})
