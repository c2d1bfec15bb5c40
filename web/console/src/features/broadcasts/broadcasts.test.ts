// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest'
import { translator } from '@words/words.ts'
import type { Broadcast } from '../../backend/broadcasts.ts'
import { contentOf, emptyForm, formOf, isKeepable, localOf, markOf, momentOf, problemsOf, sameContent, type Form } from './form.ts'
import { forget, forgetBroadcasts, keep, keptOf, keyOf } from './keep.ts'
import { audienceText, merged, moves, pauseText, share } from './rules.ts'
import { broadcastWords } from './words.ts'

const now = new Date(2026, 10, 23, 14, 6).getTime()
const t = translator(broadcastWords, 'en')
const one = (id: string, more: Partial<Broadcast> = {}): Broadcast => ({
  id, text: 'hello', show: 'message', audience: { kind: 'all' }, waves: 1, state: 'published', created_at: 1, by: { kind: 'agent', id: '1', name: 'Ada' },
  version: 1, expected: 1, delivered: 0, read: 0, ...more,
})
const form = (more: Partial<Form> = {}): Form => ({ ...emptyForm(), text: 'hello', ...more })
const keys = (more: Partial<Form>) => Object.entries(problemsOf(form(more), now)).map(([field, problem]) => `${field} ${problem.key}`)

describe('the list', () => {
  it('takes in what is newest, forgets what was deleted among it, and keeps the older pages', () => {
    const known = ['40', '30', '20', '9', '8'].map(id => one(id))
    const found = merged(known, [one('50'), one('40', { read: 1 }), one('20')], 3)
    expect(found.map(({ id, read }) => `${id} ${read}`)).toEqual(['50 0', '40 1', '20 0', '9 0', '8 0'])
    expect(merged(known, [one('40')], 3).map(({ id }) => id)).toEqual(['40'])
    expect(merged(known, [], 3)).toEqual([])
  })

  it('looks again while something is out or about to be, and at nothing else', () => {
    const states = (['draft', 'scheduled', 'publishing', 'published', 'withdrawn', 'expired'] as const).filter(state => moves(one('1', { state, scheduled_at: now + 1 }), now))
    expect(states).toEqual(['publishing', 'published'])
    expect(moves(one('1', { state: 'scheduled', scheduled_at: now }), now)).toBe(true)
  })

  it('tells a share, never more than all of it', () => {
    expect([share(1, 3), share(5, 4), share(0, 0)]).toEqual([33.3, 100, 0])
  })

  it('says an audience and a pause in words', () => {
    expect(audienceText(t, { kind: 'segment', verified: true, language: 'zh' })).toBe('Verified visitors only, Language zh')
    expect(audienceText(t, { kind: 'segment', language: 'zh', page: 'https://a.example/' })).toBe('Language zh, page https://a.example/')
    expect(audienceText(t, { kind: 'list', size: 2 })).toBe('2 chosen visitors')
    expect(audienceText(t, { kind: 'online' })).toBe('Who was online')
    expect([pauseText(t, 90), pauseText(t, 600), pauseText(t, 3600)]).toEqual(['90 seconds', '10 minutes', 'one hour'])
  })
})

describe('the form', () => {
  it('gives back what a draft says', () => {
    const draft = one('1', { state: 'draft', show: 'card', audience: { kind: 'segment', language: 'zh', verified: true }, expires_at: momentOf('2026-11-29T18:00') ?? 0, waves: 4, wave_seconds: 90 })
    const { id, state, created_at, by, version, expected, delivered, read, ...content } = draft
    expect([id, state, created_at, by.id, version, expected, delivered, read]).toEqual(['1', 'draft', 1, '1', 1, 1, 0, 0])
    expect(contentOf(formOf(draft))).toEqual(content)
  })

  it('tells apart only what the server would', () => {
    expect(sameContent(form(), form({ waves: '9', language: 'zh', later: true, at: '2026-12-01T10:00' }))).toBe(true)
    expect(sameContent(form({ kind: 'segment', language: 'zh' }), form({ kind: 'segment', language: ' zh ' }))).toBe(true)
    expect(sameContent(form(), form({ text: 'hello ' }))).toBe(false)
  })

  it('gives ids once: not again when the server has them, and not when none are filled in', () => {
    const audience = (more: Partial<Form>) => contentOf(form({ kind: 'list', ...more })).audience
    expect(audience({ ids: '7\n8\n7\n' })).toEqual({ kind: 'list', ids: ['7', '8'] })
    expect(audience({ ids: '7\n8', idsSaved: markOf('7\n8'), held: 2 })).toEqual({ kind: 'list' })
    expect(audience({ ids: '7\n9', idsSaved: markOf('7\n8'), held: 2 })).toEqual({ kind: 'list', ids: ['7', '9'] })
    expect(audience({ ids: ' ', idsSaved: markOf('7\n8'), held: 2 })).toEqual({ kind: 'list' })
    expect(problemsOf(form({ kind: 'list', ids: Array.from({ length: 100_001 }, (_, i) => i + 1).join('\n') }), now).ids).toEqual({ key: 'manyIds', params: { n: 100_001, most: 100_000 } })
  })

  it('counts a character as one, whatever it is made of, and refuses one too many', () => {
    expect(keys({ text: '🍵'.repeat(4000) })).toEqual([])
    expect(problemsOf(form({ text: '🍵'.repeat(4001) }), now).text).toEqual({ key: 'over', params: { n: 4001, most: 4000 } })
    expect(keys({ text: ' \n\u200b' })).toEqual(['text needText'])
    expect(keys({ text: 'a\0' })).toEqual(['text badText'])
    expect(keys({ text: 'a\ud83c' })).toEqual(['text badText'])
  })

  it.each<[Partial<Form>, string[]]>([
    [{ kind: 'segment' }, ['audience needSegment']],
    [{ kind: 'segment', verified: true }, []],
    [{ kind: 'segment', language: 'zh_CN', page: 'shop.example' }, ['language badLanguage', 'page badPage']],
    [{ kind: 'segment', page: 'javascript:alert(1)' }, ['page badPage']],
    [{ kind: 'all', page: 'nothing' }, []],
    [{ kind: 'list' }, ['ids needIds']],
    [{ kind: 'list', held: 2 }, []],
    [{ kind: 'list', held: 2, ids: 'x' }, ['ids badIds']],
    [{ kind: 'list', ids: '1\n0' }, ['ids badIds']],
    [{ kind: 'list', ids: '126871239812399999, 7\n\n7' }, []],
    [{ end: localOf(now - 60_000) }, ['end badEnd']],
    [{ end: localOf(now + 60_000) }, []],
    [{ inWaves: true, waves: '1', pause: '0.5' }, ['waves badWaves', 'pause badPause']],
    [{ inWaves: true, waves: '2.5', pause: '' }, ['waves badWaves', 'pause badPause']],
    [{ inWaves: true, waves: '100', pause: '1440' }, []],
    [{ later: true }, ['at badAt']],
    [{ later: true, at: localOf(now - 60_000) }, ['at badAt']],
    [{ later: true, at: localOf(now + 400 * 86_400_000) }, ['at farAt']],
    [{ later: true, at: '2026-12-02T10:00', end: '2026-12-01T10:00' }, ['end endFirst']],
    [{ later: true, at: '2026-12-02T10:00', end: '2026-12-03T10:00' }, []],
  ])('%j: %j', (more, wrong) => {
    expect(keys(more)).toEqual(wrong)
  })

  it('can be a draft without the time that it goes out', () => {
    expect(isKeepable(form({ later: true, at: '' }), now)).toBe(true)
    expect(isKeepable(form({ text: '' }), now)).toBe(false)
  })

  it('reads a local time as the field writes it', () => {
    expect(momentOf(localOf(now))).toBe(now)
    expect(momentOf('')).toBeUndefined()
    expect(momentOf('2026-13-40T99:00')).toBeUndefined()
  })
})

it('keeps the newest drafts of each agent in this browser, until somebody logs out', () => {
  for (let i = 0; i < 21; i++) keep(keyOf('ada', '7', String(i)), { form: form({ text: `text ${i}` }), version: 1, dirty: true, at: i })
  expect(keptOf(keyOf('ada', '7', '0'))).toBeUndefined()
  expect(keptOf(keyOf('ada', '7', '20'))?.form.text).toBe('text 20')
  expect(keptOf(keyOf('ben', '7', '20'))).toBeUndefined()
  forget(keyOf('ada', '7', '20'))
  expect(keptOf(keyOf('ada', '7', '20'))).toBeUndefined()
  forgetBroadcasts()
  expect(keptOf(keyOf('ada', '7', '5'))).toBeUndefined()
})
