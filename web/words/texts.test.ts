import { expect, it } from 'vitest'

const modules = import.meta.glob<Record<string, unknown>>(['../console/src/**/words.ts', './widget*.ts', './files.ts', '../widget/**/words.ts'], { eager: true })

interface Pair { 'zh-CN': Record<string, string>; en: Record<string, string> }
const isPair = (value: unknown): value is Pair => typeof value === 'object' && value !== null && 'zh-CN' in value && 'en' in value

const pairs = Object.entries(modules).flatMap(([file, exports]) =>
  Object.values(exports).filter(isPair).map(pair => [file, pair] as const))

const holes = (text: string) => [...text.matchAll(/\{(\w+)[,}]/g)].map(found => found[1]).sort()

it('finds the words of every part', () => {
  expect(pairs.length).toBeGreaterThan(8)
})

it.each(pairs)('%s says the same in both languages', (_, pair) => {
  for (const [key, zh] of Object.entries(pair['zh-CN'])) {
    const en = pair.en[key]
    expect(en, key).toBeTruthy()
    expect(holes(en ?? ''), key).toEqual(holes(zh))
  }
})

it.each(pairs)('%s keeps the tone', (file, pair) => {
  for (const [key, text] of Object.entries(pair.en)) expect(text, key).not.toMatch(/oops|something went wrong|invalid/i)
  for (const [key, text] of Object.entries(pair['zh-CN'])) {
    expect(text, `${key}: half-width punctuation after Chinese`).not.toMatch(/[\u4e00-\u9fff][,;:!?]/)
    expect(text, `${key}: no space between Chinese and Latin`).not.toMatch(/[\u4e00-\u9fff][A-Za-z]|[A-Za-z][\u4e00-\u9fff]/)
    if (file.includes('widget')) expect(text, `${key}: visitors are 您`).not.toContain('你')
  }
})
