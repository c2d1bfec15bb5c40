// @vitest-environment happy-dom
import { createApp, h, nextTick, ref } from 'vue'
import { expect, it, vi } from 'vitest'
import Button from './Button.vue'

it('keeps the focus while it is busy, and does nothing twice', async () => {
  const busy = ref(false)
  const pressed = vi.fn()
  const sent = vi.fn((event: Event) => { event.preventDefault() })
  const form = () => h('form', { onSubmit: sent }, [h(Button, { type: 'submit', busy: busy.value, onClick: pressed }, () => 'Save')])
  const app = createApp({ render: form })
  app.mount(document.body.appendChild(document.createElement('div')))
  const button = document.querySelector('button')
  button?.focus()
  button?.click()
  busy.value = true
  await nextTick()
  button?.click()
  expect([pressed.mock.calls.length, sent.mock.calls.length]).toEqual([1, 1])
  expect(document.activeElement).toBe(button)
  expect([button?.disabled, button?.getAttribute('aria-busy'), button?.getAttribute('aria-disabled')]).toEqual([false, 'true', 'true'])
  busy.value = false
  await nextTick()
  button?.click()
  expect([pressed.mock.calls.length, sent.mock.calls.length]).toEqual([2, 2])
  app.unmount()
})
