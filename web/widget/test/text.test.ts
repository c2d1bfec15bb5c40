import { describe, expect, it } from 'vitest'
import { EnterKey } from '../src/panel/enter.ts'
import { piecesOf } from '@words/links.ts'

const links = (text: string) => piecesOf(text).flatMap(({ text: shown, href }) => (href ? [shown] : []))

describe('links', () => {
  it.each([
    ['see https://example.com/a?b=1#c.', ['https://example.com/a?b=1#c']],
    ['请看https://example.com/茶，谢谢', ['https://example.com/茶']],
    ['请看 https://example.com/tea，谢谢', ['https://example.com/tea']],
    ['(https://example.com/a_(b))', ['https://example.com/a_(b)']],
    ['http://localhost:8080/ and https://例子.测试/', ['http://localhost:8080/', 'https://例子.测试/']],
    ['HTTPS://EXAMPLE.COM', ['HTTPS://EXAMPLE.COM']],
    ['javascript:alert(1) data:text/html,x ftp://example.com //example.com a@b.c', []],
    ['write to mailto:tea@example.com, please', ['mailto:tea@example.com']],
    ['mailto: mailto:nobody mailto:a@b@c', []],
    ['https://', []],
    ['https://example.com/"onmouseover="x', ['https://example.com/']],
  ])('of %s', (text, found) => expect(links(text)).toEqual(found))

  it('lose and change nothing of the text', () => {
    for (const text of ['', 'a https://example.com. b', 'https://a.b https://c.d', '<b>https://x.y</b>']) {
      expect(piecesOf(text).map(piece => piece.text).join('')).toBe(text)
    }
  })

  it('lead only to http, https and mailto', () => {
    for (const { href } of piecesOf('https://a.b/ http://c.d:99/x https://user:pw@e.f/ mailto:a@b.c')) if (href) expect(href).toMatch(/^(https?|mailto):/)
  })
})

const press = (more = {}) => ({ key: 'Enter', keyCode: 13, shiftKey: false, altKey: false, isComposing: false, timeStamp: 1_000, ...more })

describe('Enter', () => {
  it('sends, and with Shift begins a new line', () => {
    expect(new EnterKey().sends(press())).toBe(true)
    expect(new EnterKey().sends(press({ shiftKey: true }))).toBe(false)
    expect(new EnterKey().sends(press({ key: 'a' }))).toBe(false)
  })

  it('never sends while an input method composes', () => {
    const enter = new EnterKey()
    expect(enter.sends(press({ isComposing: true }))).toBe(false)
    expect(enter.sends(press({ keyCode: 229 }))).toBe(false)
    enter.compositionStart()
    expect(enter.sends(press())).toBe(false)
  })

  it('never sends when it ends the composition first, as in Safari', () => {
    const enter = new EnterKey()
    enter.compositionStart()
    enter.compositionEnd(1_000)
    expect(enter.sends(press({ timeStamp: 1_003 }))).toBe(false)
    expect(enter.sends(press({ timeStamp: 1_200 }))).toBe(true)
  })
})
