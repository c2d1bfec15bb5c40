// @vitest-environment happy-dom
import { effectScope, nextTick, ref } from 'vue'
import { expect, it } from 'vitest'
import type { LogEvent } from '../../backend/types.ts'
import { useCarried, type Looked } from './carried.ts'

const event = (n: number, kind: LogEvent['kind'], to?: string): LogEvent => ({ n, tag: n, v: 1, kind, at: n, by: { kind: 'system' }, ...(to && { to }) })

function looking(first: Looked) {
  const looked = ref(first)
  const went: string[] = []
  const scope = effectScope()
  scope.run(() => { useCarried(() => looked.value, to => went.push(to)) })
  const see = async (next: Looked) => {
    looked.value = next
    await nextTick()
  }
  return { see, went, scope }
}

it('goes along when the chat that is looked at is carried', async () => {
  const { see, went, scope } = looking({ c: 'old', last: event(4, 'message') })
  await see({ c: 'old', last: event(5, 'carried', 'new') })
  await see({ c: 'new', last: event(3, 'message') })
  expect(went).toEqual(['new'])
  scope.stop()
})

it('stays where an ended one is opened later', async () => {
  const { see, went, scope } = looking({ c: 'other', last: event(4, 'message') })
  await see({ c: 'old', last: undefined })
  await see({ c: 'old', last: event(5, 'carried', 'new') })
  await see({ c: 'another', last: event(9, 'carried', 'new') })
  expect(went).toEqual([])
  scope.stop()
})
