// @vitest-environment happy-dom
import { createApp, h, nextTick, ref } from 'vue'
import { expect, it } from 'vitest'
import { portraitsKey } from '../ui/portraits.ts'
import Avatar from './Avatar.vue'

/** An avatar with colleagues' portraits around it. */
function mount(props: InstanceType<typeof Avatar>['$props']) {
  const of = ref<Record<string, string>>({ 2: '/pictures/a' })
  const app = createApp({ render: () => h(Avatar, props) })
  app.provide(portraitsKey, agent => of.value[agent])
  const root = document.createElement('div')
  app.mount(root)
  const seen = () => [root.querySelector('img')?.getAttribute('src') ?? null, !!root.querySelector('.avatar--portrait')]
  const happens = async (what: string) => {
    root.querySelector('img')?.dispatchEvent(new Event(what))
    await nextTick()
    return seen()
  }
  return { of, root, seen, happens }
}

it('shows a portrait when it is loaded, and the initials before and after it', async () => {
  const { of, seen, happens, root } = mount({ agent: true, name: 'Ben', seed: '2' })
  expect(root.querySelector('.avatar')?.getAttribute('data-initials')).toBe('B')
  expect(seen()).toEqual(['/pictures/a', false])
  expect(await happens('load')).toEqual(['/pictures/a', true])
  of.value = { 2: '/pictures/b' }
  await nextTick()
  expect(seen()).toEqual(['/pictures/b', false])
  of.value = {}
  await nextTick()
  expect(seen()).toEqual([null, false])
})

it('falls back to the initials where the picture cannot be loaded, until there is another', async () => {
  const { of, seen, happens } = mount({ agent: true, name: 'Ben', seed: '2' })
  expect(await happens('error')).toEqual([null, false])
  of.value = { 2: '/pictures/b' }
  await nextTick()
  expect(seen()).toEqual(['/pictures/b', false])
})

it('gives visitors their own or none, and believes the page that knows better', async () => {
  expect(mount({ name: 'Mia', seed: '2' }).seen()).toEqual([null, false])
  const known = mount({ name: 'Mia', seed: '2', portrait: '/pictures/v' })
  expect(known.seen()).toEqual(['/pictures/v', false])
  expect(await known.happens('load')).toEqual(['/pictures/v', true])
  expect(mount({ agent: true, name: 'Ben', seed: '2', portrait: '' }).seen()).toEqual([null, false])
  expect(mount({ agent: true, name: 'Ben', seed: '2', portrait: '/pictures/c' }).seen()).toEqual(['/pictures/c', false])
})
