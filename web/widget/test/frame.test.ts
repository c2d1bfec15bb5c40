import { describe, expect, it } from 'vitest'
import { memoryShelf } from '@client/world.ts'
import { inkOn, isColour } from '../src/brand.ts'
import { readSays, readToFrame } from '../src/bridge.ts'
import { languageOf } from '../src/language.ts'
import { mirroredShelf } from '../src/mirror.ts'

describe('what a page tells the frame', () => {
  it('is one of a closed set', () => {
    for (const other of [null, undefined, 7, 'open', [], {}, { t: 'eval' }, { t: 'keep', key: 'secret', value: 'x' }]) expect(readToFrame(other)).toBeUndefined()
    expect(readToFrame({ t: 'warm', more: 1 })).toEqual({ t: 'warm' })
    expect(readToFrame({ t: 'open', on: 'yes' })).toMatchObject({ t: 'open', on: false })
  })

  it('is cut to its bounds, and holds nothing else', () => {
    const long = 'x'.repeat(5_000)
    expect(readSays({ name: long, email: 7, admin: true, fields: { plan: 'pro', deep: {}, [long]: 'y', empty: '' } })).toEqual({
      name: 'x'.repeat(100), email: '7', fields: { plan: 'pro', ['x'.repeat(64)]: 'y' },
    })
    expect(readSays({ email: '长'.repeat(100) })).toEqual({}) // over the server's 254 bytes
    expect(Object.keys(readSays({ fields: Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`k${i}`, 'v'])) }).fields ?? {}).length).toBe(20)
    expect(readToFrame({ t: 'page', page: { url: long } })).toEqual({ t: 'page', page: { url: 'x'.repeat(2_000) } })
    expect(readToFrame({ t: 'init', kept: { 'kefu:KEY.a': '1', 'kefu:KEY.b': 2, 'kefu:KEY.lock.c': '3' }, lang: 'zh' })).toEqual({ t: 'init', kept: { a: '1', 'lock.c': '3' }, page: { url: '' }, lang: 'zh', open: false })
  })
})

describe('what is kept twice', () => {
  const told: [string, string | null][] = []
  const tell = (key: string, value: string | null) => void told.push([key, value])

  it('starts from the page where the frame has nothing', () => {
    const shelf = mirroredShelf(undefined, { secret: 's', face: '{}' }, tell)
    expect(shelf.get('secret')).toBe('s')
    expect(shelf.keys()).toEqual(['secret'])
  })

  it('starts from the frame where it has something, and brings the page up to date', () => {
    told.length = 0
    const shelf = mirroredShelf(memoryShelf([['secret', 'mine']]), { secret: 'old' }, tell)
    expect(shelf.get('secret')).toBe('mine')
    expect(told).toEqual([['secret', 'mine']])
  })

  it('is told to the page also when the frame may not keep it', () => {
    told.length = 0
    const full = { ...memoryShelf(), set: () => { throw new Error('full') } }
    const shelf = mirroredShelf(full, {}, tell)
    expect(() => shelf.set('secret', 's')).toThrow()
    shelf.remove('outbox')
    expect(told).toEqual([['secret', 's'], ['outbox', null]])
  })
})

it('takes the language of the site, the page, or the browser', () => {
  expect(languageOf('zh-CN', 'en', ['en'])).toBe('zh-CN')
  expect(languageOf('auto', 'zh-TW', ['en'])).toBe('zh-CN')
  expect(languageOf(undefined, '', ['fr', 'zh'])).toBe('zh-CN')
  expect(languageOf('auto', 'fr', ['en-GB', 'zh'])).toBe('en')
  expect(languageOf(undefined, '', [])).toBe('en')
})

/** WCAG 2's contrast of a colour with black or white. */
function contrast(colour: string, ink: string): number {
  const light = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16) / 255).map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  const luminance = 0.2126 * (light[0] ?? 0) + 0.7152 * (light[1] ?? 0) + 0.0722 * (light[2] ?? 0)
  return ink === '#fff' ? 1.05 / (luminance + 0.05) : (luminance + 0.05) / 0.05
}

it('can be read on any brand', () => {
  for (let i = 0; i < 4_096; i++) {
    const colour = '#' + [i >> 8, (i >> 4) & 15, i & 15].map(part => (part * 17).toString(16).padStart(2, '0')).join('')
    expect(contrast(colour, inkOn(colour)), colour).toBeGreaterThanOrEqual(4.5)
  }
  expect(isColour('red') || isColour('#12345') || isColour('#12345g') || isColour(undefined)).toBe(false)
})
