// @vitest-environment happy-dom
import { createApp, h, ref } from 'vue'
import { expect, it } from 'vitest'
import TextField from './TextField.vue'

it('gives what was typed as text, also where only numbers are taken', () => {
  const model = ref<unknown>('4')
  const app = createApp({ render: () => h(TextField, { label: 'Waves', type: 'number', modelValue: model.value as string, 'onUpdate:modelValue': now => { model.value = now } }) })
  const root = document.createElement('div')
  app.mount(root)
  const input = root.querySelector('input')
  if (!input) throw new Error('there is no field')
  for (const typed of ['12', '']) {
    input.value = typed
    input.dispatchEvent(new Event('input'))
    expect(model.value).toBe(typed)
  }
})
