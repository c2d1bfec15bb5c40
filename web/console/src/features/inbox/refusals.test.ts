import { expect, it } from 'vitest'
import { advice } from '@client/index.ts'
import { unsentWords, wordsOf } from './refusals.ts'

it('names who has the round, where the refusal tells it', () => {
  const frame = { t: 'error', code: 'not_yours', text: '', do: 'fix', round: { number: 1, state: 'assigned', agent: { id: '2', name: 'Ben' } } } as const
  expect(wordsOf({ code: 'not_yours', frame }, 'en')).toBe('Ben has this conversation. Add a note, or ask for it.')
  expect(wordsOf({ code: 'not_yours' }, 'en')).toContain('Another agent')
  expect(wordsOf({ code: 'no_open_round' }, 'zh-CN')).toContain('已经结束')
})

it('says a code that it does not know, and nothing odd for a name that is no code', () => {
  expect(wordsOf({ code: 'teapot' }, 'en')).toBe('The server refused it (teapot).')
  expect(wordsOf({ code: 'has' }, 'en')).toBe('The server refused it (has).')
  expect(wordsOf({ code: 'toString' }, 'en')).toBe('The server refused it (toString).')
})

it('says why a text stays unsent', () => {
  const item = { id: 'x', kind: 'message', text: 'hi', at: 1, state: 'failed' } as const
  expect(unsentWords({ ...item, code: 'too_big' }, 'en')).toBe('Not sent. It is too long. Send it in parts.')
  expect(unsentWords({ ...item, code: 'teapot' }, 'zh-CN')).toBe('未发送：服务器拒绝了（teapot）。')
})

it('has words for every code that the wire can answer an agent, in both languages', () => {
  const visitors = ['hello_first', 'bad_secret', 'unknown_site', 'log_in_ended', 'carried_over', 'verified_only']
  const without = Object.keys(advice).filter(code => !visitors.includes(code) && wordsOf({ code }, 'en').includes(`(${code})`))
  expect(without).toEqual([])
  expect(wordsOf({ code: 'ended' }, 'zh-CN')).toContain('另一个会话')
})
