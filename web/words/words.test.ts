import { describe, expect, expectTypeOf, it } from 'vitest'
import { pickLang } from './pick.ts'
import { defineWords, fill, translator, type Lang } from './words.ts'

const words = defineWords(
  { plain: '会话', greet: '{name}，你好', count: '{n} 条消息' },
  { plain: 'Conversation', greet: 'Hello, {name}', count: '{n, one message, # messages}' },
)

describe('words', () => {
  it('words each key in both languages', () => {
    expect(translator(words, 'zh-CN')('plain')).toBe('会话')
    expect(translator(words, 'en')('plain')).toBe('Conversation')
  })

  it('follows a language that changes', () => {
    let lang: Lang = 'en'
    const t = translator(words, () => lang)
    expect(t('greet', { name: 'Lin' })).toBe('Hello, Lin')
    lang = 'zh-CN'
    expect(t('greet', { name: 'Lin' })).toBe('Lin，你好')
  })

  it('chooses the form of a count and writes numbers as the language does', () => {
    const t = translator(words, 'en')
    expect(t('count', { n: 1 })).toBe('one message')
    expect(t('count', { n: 0 })).toBe('0 messages')
    expect(t('count', { n: 4812 })).toBe('4,812 messages')
    expect(translator(words, 'zh-CN')('count', { n: 1 })).toBe('1 条消息')
  })

  it('puts a parameter in as text, whatever it holds', () => {
    expect(fill('{a} {b}', 'en', { a: '{b}', b: '$&' })).toBe('{b} $&')
  })

  it('puts a space between Chinese and other letters, and none between Chinese', () => {
    const handed = (by: string, agent: string) => fill('{by} 转接给 {agent}', 'zh-CN', { by, agent })
    expect(handed('你', 'Ada')).toBe('你转接给 Ada')
    expect(handed('Ada', '王芳')).toBe('Ada 转接给王芳')
    expect(handed('\u2068王芳\u2069', '\u2068Ada\u2069')).toBe('\u2068王芳\u2069转接给 \u2068Ada\u2069')
    expect(fill('有 {n} 位访客', 'zh-CN', { n: 3 })).toBe('有 3 位访客')
    expect(fill('for {name} now', 'en', { name: '王芳' })).toBe('for 王芳 now')
  })

  it('wants the parameters of a text by type', () => {
    const t = translator(words, 'en')
    expectTypeOf(t<'greet'>).parameters.toEqualTypeOf<['greet', { readonly name: string | number }]>()
    expectTypeOf(t<'plain'>).parameters.toEqualTypeOf<['plain']>()
    // @ts-expect-error a key that does not exist
    expect(() => t('absent')).toThrow()
  })

  it('picks a language from what the browser says', () => {
    expect(pickLang(['zh-TW', 'en'])).toBe('zh-CN')
    expect(pickLang(['fr', 'en-GB'])).toBe('en')
    expect(pickLang(['fr'])).toBe('en')
  })
})
