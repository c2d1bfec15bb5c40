/**
 * The hidden frame: the live connection and what the button shows. The panel's code comes at the first opening.
 * The page of its own, /chat/KEY, shares the client with it.
 */
import { Cell } from '@client/cell.ts'
import { browserTabs, browserWorld, followPage, liveUrl, localShelf } from '@client/browser.ts'
import { VisitorClient } from '@client/visitor.ts'
import { insist } from '@client/world.ts'
import { faceWords } from '@words/face.ts'
import { type Lang } from '@words/words.ts'
import { readToFrame, type Face, type ToFrame, type ToPage } from './bridge.ts'
import { inkOn, isColour, plainBrand } from './brand.ts'
import { languageOf } from './language.ts'
import { identityOf } from './identity.ts'
import { mirroredShelf } from './mirror.ts'
import type * as Panel from './panel/mount.tsx'

const asked = new URLSearchParams(location.search)
const site = asked.get('site') ?? ''
const origin = asked.get('origin') ?? ''

const post = (message: ToPage) => parent.postMessage(message, origin)

function begin(init: Extract<ToFrame, { t: 'init' }>): void {
  const opened = new Cell(false)
  const lang = new Cell<Lang>('en')
  const keep = (key: string, value: string | null) => post({ t: 'keep', key: `kefu:${site}.${key}`, value })
  const shelf = mirroredShelf(localShelf(`kefu.${site}.`), init.kept, keep)
  // Of the client that is made here: another tab may log in at any time.
  const who = shelf.get('who')
  const client = new VisitorClient(browserWorld, browserTabs(shelf), {
    url: liveUrl('visitor'), site, language: navigator.language, page: init.page, program: 'widget',
  })
  let coming: Promise<typeof Panel> | undefined
  const loadPanel = () => (coming ??= insist(browserWorld, () => import('./panel/mount.tsx')))
  let shown = ''
  let kept = init.kept['face']

  const draw = () => {
    const { site: known, unread } = client.state.get()
    lang.set(languageOf(known?.look?.language, init.lang, navigator.languages))
    const words = faceWords[lang.get()]
    document.documentElement.lang = lang.get()
    document.title = words.name
    if (!known) return
    const brand = isColour(known.look?.brand) ? known.look.brand : plainBrand
    const left = known.look?.placement === 'left' ? ';--i:auto auto 20px 20px;--j:start' : ''
    const label = opened.get() ? words.close : unread ? words.unread(unread) : words.open
    const badge = opened.get() || !unread ? '' : unread > 99 ? '99+' : `${unread}`
    const face: Face = { style: `--b:${brand};--o:${inkOn(brand)}${left}`, name: words.name, label, badge }
    const now = JSON.stringify(face)
    if (now !== shown) post({ t: 'face', face })
    shown = now
    // Nothing is remembered of somebody who has not written.
    const plain = JSON.stringify({ ...face, label: words.open, badge: '' })
    if (client.exists && plain !== kept) keep('face', (kept = plain))
  }

  const open = (on: boolean) => {
    opened.set(on)
    client.attend(on)
    if (on) void loadPanel().then(panel => panel.mount(document.body, { client, lang, opened, close: () => post({ t: 'close', on: false }) }))
    draw()
  }

  let unread = 0
  client.state.subscribe(state => {
    if (state.unread !== unread) post({ t: 'event', name: 'unread', detail: (unread = state.unread) })
    draw()
  })
  client.arrived(() => post({ t: 'event', name: 'message', detail: { from: 'agent' } }))
  const identity = identityOf({ client, lang, opened, post })
  followPage(client)
  listen(message => {
    if (message.t === 'open') open(message.on)
    if ('page' in message) client.page(message.page)
    else if (message.t === 'says') client.says(message.says)
    else if (message.t === 'warm') void loadPanel()
    else if (message.t !== 'identify' || message.who !== who) {
      // Until it is known who is here, nobody is.
      if (message.t === 'identify') client.rest()
      identity(message)
    }
  })
  draw()
  // What the page said before the frame began anew for somebody who has logged in.
  if (history.state) client.says(history.state)
  client.start()
  if (init.open) open(true)
}

function listen(heard: (message: ToFrame) => void): void {
  addEventListener('message', event => {
    if (event.source !== parent || event.origin !== origin) return
    const message = readToFrame(event.data)
    if (message) heard(message)
  })
}

/** Waits for the loader to say where it stands. */
function startFrame(): void {
  let begun = false
  listen(message => {
    if (message.t !== 'init' || begun) return
    begun = true
    begin(message)
  })
  if (parent !== window && site && origin) post({ t: 'ready' })
}

// Both documents have this one script: what an entry of its own would import is one more request.
if (location.pathname.startsWith('/chat/')) void import('./page.ts').then(page => page.show(identityOf))
else startFrame()
