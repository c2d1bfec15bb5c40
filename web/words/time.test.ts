import { expect, it } from 'vitest'
import { brief, clock, date, daysBetween, span } from './time.ts'

const now = new Date(2026, 10, 22, 14, 6).getTime()

it('writes the clock in 24 hours', () => {
  expect(clock(now)).toBe('14:06')
  expect(clock(new Date(2026, 0, 1, 0, 5).getTime())).toBe('00:05')
})

it('writes dates as each language does', () => {
  const at = new Date(2026, 10, 12, 9).getTime()
  expect(date('en', at, now)).toBe('12 November')
  expect(date('zh-CN', at, now)).toBe('11月12日')
  expect(date('zh-CN', new Date(2025, 2, 2).getTime(), now)).toBe('2025年3月2日')
})

it('is brief in lists', () => {
  expect(brief('en', now - 60_000, now)).toBe('14:05')
  expect(brief('en', new Date(2026, 10, 20).getTime(), now)).toBe('Fri')
  expect(brief('zh-CN', new Date(2026, 10, 20).getTime(), now)).toBe('周五')
  expect(brief('en', new Date(2026, 4, 14).getTime(), now)).toBe('14 May')
})

it('counts midnights, not hours', () => {
  expect(daysBetween(new Date(2026, 10, 21, 23, 59).getTime(), new Date(2026, 10, 22, 0, 1).getTime())).toBe(1)
})

it('writes a wait in minutes and seconds', () => {
  expect(span(48_000)).toBe('0:48')
  expect(span(252_000)).toBe('4:12')
  expect(span(3_930_000)).toBe('1:05:30')
  expect(span(-5)).toBe('0:00')
})
