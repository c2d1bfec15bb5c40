// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from 'vitest'

const face = JSON.stringify({ style: '--b:#123456', name: 'Harbour', label: 'Ask us', badge: '' })

describe('the button', () => {
  beforeEach(() => {
    vi.resetModules()
    vi.stubGlobal('requestIdleCallback', () => 0) // no frame is loaded here
    localStorage.clear()
    document.querySelector('kefu-widget')?.remove()
    delete (window as { Kefu?: unknown }).Kefu
    const script = document.createElement('script')
    Object.defineProperty(script, 'src', { value: 'https://kefu.example/widget.js' })
    script.dataset['site'] = 'KEY'
    Object.defineProperty(document, 'currentScript', { value: script, configurable: true })
  })

  async function shown(kept?: string) {
    if (kept !== undefined) localStorage.setItem('kefu.KEY', kept)
    const { button } = await import('../loader/drawing.ts')
    await import('../loader/loader.ts')
    expect(document.querySelector('kefu-widget')).not.toBeNull()
    return button.ariaLabel
  }

  it('has a name where nothing is kept', async () => expect(await shown()).toMatch(/Open the chat|打开对话/))

  it('looks as it did', async () => expect(await shown(JSON.stringify({ face }))).toBe('Ask us'))

  for (const damaged of ['null', '7', '{', '[]', '{"face":"{"}', '{"face":"null"}', '{"face":7}', '{"face":{}}']) {
    it(`is there where ${damaged} is kept`, () => shown(damaged))
  }
})
