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
    if (kept !== undefined) localStorage.setItem('kefu:KEY.face', kept)
    const { button } = await import('../loader/drawing.ts')
    await import('../loader/loader.ts')
    expect(document.querySelector('kefu-widget')).not.toBeNull()
    return button.ariaLabel
  }

  /** What the frame says to the page. */
  async function says(data: unknown): Promise<void> {
    const { frame } = await import('../loader/drawing.ts')
    window.dispatchEvent(Object.assign(new Event('message'), { origin: 'https://kefu.example', source: frame.contentWindow, data }))
  }

  it('has a name where nothing is kept', async () => expect(await shown()).toMatch(/Open the chat|打开对话/))

  it('settles each log-out that was asked for', async () => {
    await shown()
    const { logout } = (window as unknown as { Kefu: { logout: () => Promise<boolean> } }).Kefu
    const both = [logout(), logout()]
    await says({ t: 'event', name: 'out', detail: true })
    for (const one of both) expect(await Promise.race([one, new Promise(done => setTimeout(done, 500, 'never'))])).toBe(true)
  })

  it('keeps each thing by itself, and gives the frame what is of its site', async () => {
    await shown()
    const theirs = { cart: '3', 'kefu:OTHER.secret': 'another' }
    for (const [key, value] of Object.entries({ ...theirs, 'kefu:KEY.secret': 'old', 'kefu:KEY.who': 'ida' })) localStorage.setItem(key, value)
    await says({ t: 'keep', key: 'kefu:KEY.secret', value: 'new' })
    await says({ t: 'keep', key: 'kefu:KEY.who', value: null })
    expect({ ...localStorage }).toEqual({ ...theirs, 'kefu:KEY.secret': 'new' })
    const { frame } = await import('../loader/drawing.ts')
    const told: unknown[] = []
    Object.defineProperty(frame, 'contentWindow', { value: { postMessage: (message: unknown) => told.push(message) } })
    await says({ t: 'ready' })
    expect(told[0]).toMatchObject({ t: 'init', kept: { 'kefu:KEY.secret': 'new' } })
    expect(Object.keys((told[0] as { kept: object }).kept)).toHaveLength(1)
  })

  it('looks as it did', async () => expect(await shown(face)).toBe('Ask us'))

  for (const damaged of ['', 'null', '7', '{', '[]', '{}']) {
    it(`is there where ${damaged} is kept`, () => shown(damaged))
  }
})
