/** The script on other people's pages: the button, the frame behind it, and the page's API. */
import { loaderWords } from '@words/loader.ts'
import type { Face, ToFrame, ToPage } from '../src/bridge.ts'
import { badge, button, frame, host, root } from './drawing.ts'

type Told = (detail?: unknown) => void
type Call = [method: 'open' | 'close' | 'set' | 'on', ...args: unknown[]]

const page = document
const store = 'kefu.'

function start(home: string, site: string): void {
  const told: Record<string, Set<Told>> = {}
  /** What is told before the frame listens. */
  const early: ToFrame[] = []
  let post = (message: ToFrame): unknown => early.push(message)
  let opened = false

  const emit = (event: string, detail?: unknown) => told[event]?.forEach(fn => fn(detail))

  /** What the frame asked us to keep; storage may be blocked, or hold anything. */
  const kept = (): Record<string, string> => {
    try {
      return JSON.parse(localStorage[store + site])
    } catch {
      return {}
    }
  }
  const keep = (key: string, value: string | null) => {
    try {
      localStorage[store + site] = JSON.stringify({ ...kept(), [key]: value ?? undefined })
    } catch {
      // Then it lasts as long as the page.
    }
  }

  const draw = ({ style, name, label, badge: count }: Face) => {
    root.style.cssText = style
    root.ariaLabel = frame.title = name
    button.ariaLabel = label
    badge.textContent = count
  }

  const where = () => ({ url: location.href, title: page.title, referrer: page.referrer })
  const language = () => [page.documentElement.lang, ...navigator.languages].find(tag => /^(zh|en)/i.test(tag)) ?? 'en'

  const load = () => {
    if (!frame.src) frame.src = `${home}/widget/frame.html?site=${site}&origin=${location.origin}`
    // By then its script has run; if it does not listen, what came is the browser's own page about an error.
    frame.onload = () => setTimeout(() => frame.inert && (toggle(false), host.remove()), 1000)
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

  const received = (message: ToPage) => {
    switch (message.t) {
      case 'ready':
        post = message => frame.contentWindow?.postMessage(message, home)
        post({ t: 'init', kept: kept(), page: where(), lang: language(), open: opened })
        early.splice(0).forEach(post)
        frame.inert = false
        return opened && frame.focus()
      case 'face':
        return draw(message.face)
      case 'keep':
        return keep(message.key, message.value)
      case 'close':
        return toggle(false)
      case 'event':
        return emit(message.name, message.detail)
    }
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
    push: ([method, ...args]: Call) => (api[method] as (...args: unknown[]) => unknown)(...args),
  }

  ;[root.ariaLabel, button.ariaLabel] = loaderWords[/^zh/i.test(language()) ? 'zh' : 'en']
  try {
    draw(JSON.parse(kept()['face'] as string))
  } catch {
    // None is kept, or what is kept is damaged.
  }
  // A first look waits for its colour, but not long.
  setTimeout(() => (root.style.opacity = ''), 1500)

  addEventListener('message', event => {
    if (event.origin === home && event.source === frame.contentWindow) received(event.data)
  })
  ;(window as { navigation?: EventTarget }).navigation?.addEventListener('navigatesuccess', () => post({ t: 'page', page: where() }))
  button.onclick = () => toggle(!opened)
  button.onpointerenter = () => post({ t: 'warm' })
  root.onkeydown = event => {
    if (event.key === 'Escape') toggle(false)
  }

  page.documentElement.append(host)
  const queued: Call[] = scope.Kefu ?? []
  scope.Kefu = api as never
  queued.forEach(api.push)
  const idle = () => (window.requestIdleCallback ?? setTimeout)(load)
  if (page.readyState === 'complete') idle()
  else addEventListener('load', idle)
}

const scope = window as { Kefu?: Call[] & { set?: unknown } }
const script = page.currentScript as HTMLScriptElement | null
const site = script?.dataset['site']
if (site && !scope.Kefu?.set) start(new URL(script.src).origin, site)
