// @vitest-environment happy-dom
import { effectScope, nextTick, ref } from 'vue'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { useNewLine } from './newLine.ts'

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

function open(first: number) {
  const scope = effectScope()
  const [reading, answers] = [ref(true), ref(0)]
  const after = scope.run(() => useNewLine(first, reading, answers))
  if (!after) throw new Error('the scope has ended')
  return { scope, reading, answers, after }
}

it('takes the line "New" away once it was read without a break', async () => {
  const { scope, reading, after } = open(7)
  vi.advanceTimersByTime(4000)
  reading.value = false
  await nextTick()
  vi.advanceTimersByTime(60_000)
  expect(after.value).toBe(7)
  reading.value = true
  await nextTick()
  vi.advanceTimersByTime(4000)
  expect(after.value).toBe(7)
  vi.advanceTimersByTime(1000)
  expect(after.value).toBe(0)
  scope.stop()
})

it('takes it away at once when the reader answers', async () => {
  const { scope, answers, after } = open(7)
  answers.value = 1
  await nextTick()
  expect(after.value).toBe(0)
  scope.stop()
})
