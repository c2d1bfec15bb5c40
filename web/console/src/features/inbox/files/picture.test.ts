// @vitest-environment happy-dom
import { createPinia } from 'pinia'
import { createApp, h, nextTick } from 'vue'
import { expect, it } from 'vitest'
import { liveKey, type Live } from '../../../backend/live.ts'
import { useInbox } from '../store.ts'
import Picture from './Picture.vue'

it('tries a picture that could not be loaded again when the server is back', async () => {
  const file = { id: '7', name: 'a.png', type: 'image/png', size: 1, width: 10, height: 10 }
  const app = createApp({ render: () => h(Picture, { file, all: [file], at: 0 }) })
  app.use(createPinia()).provide(liveKey, { pictureOf: () => undefined } as Partial<Live> as Live)
  const root = document.createElement('div')
  app.mount(root)
  const inbox = useInbox()
  inbox.connection = { state: 'lost' }
  await nextTick()
  root.querySelector('img')?.dispatchEvent(new Event('error'))
  await nextTick()
  expect(root.querySelector('img')).toBeNull()
  inbox.connection = { state: 'live' }
  await nextTick()
  expect(root.querySelector('img')?.getAttribute('src')).toBe('/files/7/a.png?size=1280')
})
