// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, effectScope, nextTick, ref } from 'vue'
import { expect, it, vi } from 'vitest'
import { liveKey, type Live } from '../../backend/live.ts'
import type { LogEvent } from '../../backend/types.ts'
import { toast } from '../../ui/toasts.ts'
import { useAlong, useCarried, type Looked } from './carried.ts'
import { draftOf, keepDraft } from './drafts.ts'

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

it('takes text and files along, and says which had no room', () => {
  const moveFiles = vi.fn(() => ({ moved: 2, left: 0 }))
  const app = createApp({}).use(createPinia()).provide(liveKey, { moveFiles } as Partial<Live> as Live)
  const takeAlong = app.runWithContext(useAlong)
  keepDraft('', 'old', '', 'note', 1)
  takeAlong('old', 'new')
  expect(moveFiles).toHaveBeenCalledWith('old', 'new')
  expect([draftOf('', 'new').mode, toast.value]).toEqual(['note', null])
  moveFiles.mockReturnValue({ moved: 0, left: 3 })
  keepDraft('', 'old', 'half', 'reply', 2)
  takeAlong('old', 'another')
  expect(draftOf('', 'another')).toMatchObject({ text: 'half', mode: 'reply' })
  expect(toast.value?.text).toBe('A message has 10 files at most: 3 were not added.')
})
