/** The panel as a page of its own, for links and QR codes: /chat/KEY. */
import { Cell } from '@client/cell.ts'
import { browserTabs, browserWorld, followPage, liveUrl, localShelf } from '@client/browser.ts'
import { VisitorClient } from '@client/visitor.ts'
import { memoryShelf } from '@client/world.ts'
import { faceWords } from '@words/face.ts'
import { type Lang } from '@words/words.ts'
// Its type alone: imported by both, it would be split off from the frame.
import type { identityOf } from './identity.ts'
import { languageOf } from './language.ts'
import { mount } from './panel/mount.tsx'

export function show(identify: typeof identityOf): void {
  const site = decodeURIComponent(location.pathname.split('/')[2] ?? '')
  const page = { url: location.href, title: document.title, ...(document.referrer && { referrer: document.referrer }) }
  const shelf = localShelf(`kefu.${site}.`) ?? memoryShelf()
  const client = new VisitorClient(browserWorld, browserTabs(shelf), {
    url: liveUrl('visitor'), site, language: navigator.language, page, program: 'chat page',
  })
  const lang = new Cell<Lang>('en')
  const opened = new Cell(true)

  const draw = () => {
    const { site: known, unread } = client.state.get()
    lang.set(languageOf(known?.look?.language, '', navigator.languages))
    const name = known?.look?.title || known?.name || faceWords[lang.get()].name
    document.documentElement.lang = lang.get()
    document.title = unread > 0 ? `(${unread}) ${name}` : name
  }

  document.documentElement.classList.add('page')
  draw()
  client.state.subscribe(draw)
  identify({ client, lang, opened })
  followPage(client)
  client.attend(true)
  client.start()
  mount(document.body, { client, lang, opened })
}
