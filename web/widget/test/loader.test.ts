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

  it('settles each log-out that was asked for', async () => {
    await shown()
    const { frame } = await import('../loader/drawing.ts')
    const { logout } = (window as unknown as { Kefu: { logout: () => Promise<boolean> } }).Kefu
    const both = [logout(), logout()]
    const data = { t: 'event', name: 'out', detail: true }
    window.dispatchEvent(Object.assign(new Event('message'), { origin: 'https://kefu.example', source: frame.contentWindow, data }))
    for (const one of both) expect(await Promise.race([one, new Promise(done => setTimeout(done, 500, 'never'))])).toBe(true)
  })

  it('looks as it did', async () => expect(await shown(JSON.stringify({ face }))).toBe('Ask us'))

  for (const damaged of ['null', '7', '{', '[]', '{"face":"{"}', '{"face":"null"}', '{"face":7}', '{"face":{}}']) {
    it(`is there where ${damaged} is kept`, () => shown(damaged))
  }
})
