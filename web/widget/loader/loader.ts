/** The script on other people's pages: the button, the frame behind it, and the page's API. */
import { openEn, openZh } from '@words/loader.ts'
import type { Face, ToFrame, ToPage } from '../src/bridge.ts'
import { badge, button, frame, host, root } from './drawing.ts'

type Told = (detail?: unknown) => void
type Call = [method: 'open' | 'close' | 'set' | 'on' | 'identify' | 'logout', ...args: unknown[]]

const page = document

function start(home: string, site: string): void {
  const told: Record<string, Set<Told>> = {}
  /** What is told before the frame listens. */
  const early: ToFrame[] = []
  let post = (message: ToFrame): unknown => early.push(message)
  let opened = false

  const emit = (event: string, detail?: unknown) => told[event]?.forEach(fn => fn(detail))

  /** Begins what the frame asked us to keep: each under a key of its own, for other tabs keep some at the same time. */
  const own = 'kefu:' + site

  const draw = (face: Face) => {
    root.style.cssText = face.style
    root.ariaLabel = frame.title = face.name
    button.ariaLabel = face.label
    badge.textContent = face.badge
  }

  const where = () => ({ url: location.href, title: page.title, referrer: page.referrer })
  const language = () => /\b(zh|en)\b/i.exec([page.documentElement.lang, ...navigator.languages] as never)?.[0]

  const load = () => {
    if (!frame.src) frame.src = `${home}/widget/frame.html?site=${site}&origin=${location.origin}`
    // By then its script has run; if it does not listen, what came is the browser's own page about an error.
    frame.onload = () => setTimeout(() => frame.inert && (toggle(false), emit('out', false), host.remove()), 1000)
  }
  const toggle = (on: boolean) => {
    if (on === opened) return
    opened = on
    load()
    root.className = on ? 'open' : ''
    button.ariaExpanded = `${on}`
    ;(on ? frame : button).focus()
    post({ t: 'open', on, page: where() })
    emit(on ? 'open' : 'close')
  }

  const hear: { [T in ToPage['t']]: (message: Extract<ToPage, { t: T }>) => void } = {
    ready: () => {
      const kept: Record<string, string> = {}
      try {
        for (const key in localStorage) if (key.startsWith(own)) kept[key] = localStorage[key]
      } catch {
        // It is blocked.
      }
      post = message => frame.contentWindow?.postMessage(message, home)
      post({ t: 'init', kept, page: where(), lang: language(), open: opened })
      early.splice(0).forEach(post)
      frame.inert = false
      if (opened) frame.focus()
    },
    face: message => draw(message.face),
    keep: ({ key, value }) => {
      try {
        if (value) localStorage[key] = value
        // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- removeItem is longer, and 2 KB is all there is
        else delete localStorage[key]
      } catch {
        // Then it lasts as long as the page.
      }
    },
    close: message => toggle(message.on),
    event: message => emit(message.name, message.detail),
  }

  const api = {
    open: () => toggle(true),
    close: () => toggle(false),
    set: (says: never) => post({ t: 'says', says }),
    on: (event: string, fn: Told) => {
      const fns = (told[event] ??= new Set())
      fns.add(fn)
      return () => fns.delete(fn)
    },
    /** A token, or what gives one each time the frame asks for it; and whom it is for. */
    identify: (token: string | (() => unknown), who?: string) => {
      const tell = (token: unknown) => post({ t: 'token', token: `${token}` })
      told['ask'] = [() => (async () => ((token as () => unknown).call ? (token as () => unknown)() : token))().then(tell, tell)] as never // told as a Set is
      post({ t: 'identify', who })
    },
    /** Whether the visitor is logged out: there may be something unsent, and the visitor is asked. */
    logout: () => new Promise<unknown>(done => {
      api.on('out', done)
      post({ t: 'logout' })
    }),
    push: ([method, ...args]: Call) => (api[method] as (...args: unknown[]) => unknown)(...args),
  }

  button.ariaLabel = /zh/i.test(language() as string) ? openZh : openEn
  try {
    draw(JSON.parse(localStorage[own + '.face']))
  } catch {
    // None is kept, or what is kept is damaged.
  }
  // A first look waits for its colour, but not long.
  setTimeout(() => (root.style.opacity = ''), 1500)

  addEventListener('message', event => {
    if (event.origin === home && event.source === frame.contentWindow) (hear as Record<string, (message: unknown) => void>)[event.data.t]?.(event.data)
  })
  ;(window as { navigation?: EventTarget }).navigation?.addEventListener('navigatesuccess', () => post({ t: 'page', page: where() }))
  button.onclick = () => toggle(!opened)
  button.onpointerenter = () => post({ t: 'warm' })
  // Nothing is given back: false would take every other key away.
  root.onkeydown = event => {
    if (event.key === 'Escape') toggle(false)
  }

  page.documentElement.append(host)
  const queued = scope.Kefu
  scope.Kefu = api as never
  queued?.forEach(api.push)
  const idle = () => (window.requestIdleCallback ?? setTimeout)(load)
  if (page.readyState === 'complete') idle()
  else addEventListener('load', idle)
}

const scope = window as { Kefu?: Call[] & { set?: unknown } }
const script = page.currentScript as HTMLScriptElement | null
const site = script?.dataset['site']
if (site && !scope.Kefu?.set) start(new URL(script.src).origin, site)
