/** The logo of a site and the portraits of the agents whose words a visitor sees: a chunk of its own, loaded where there are any. */
import type { Cell } from '@client/cell.ts'
import type { ask as asking, Face, Faces } from '@client/faces.ts'
import type { VisitorClient } from '@client/visitor.ts'
import css from './pictures.css?inline'

/** So many agents may be asked for at once. */
const most = 50

/** Puts addresses into a cell, each once its picture is here: nothing of the page moves, and what cannot be loaded is never shown. */
export function follow(client: VisitorClient, { logo, portraits }: Face, faces: Cell<Faces>, ask: typeof asking): void {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets.push(sheet)
  const show = (id: string, src: string) => {
    const image = new Image()
    image.src = src
    image.decode().then(() => faces.update(all => ({ ...all, [id]: src })), () => {})
  }
  if (logo) show('', logo)
  if (!portraits) return
  const asked = new Set([''])
  const look = () => {
    const ids = [client.state.get().conversation?.round.agent?.id, ...client.log.get().events.map(({ by }) => (by.kind === 'agent' ? by.id : ''))]
    const fresh = [...new Set(ids.map((id = '') => id))].filter(id => !asked.has(id)).slice(0, most)
    if (fresh.length === 0) return
    for (const id of fresh) asked.add(id)
    void ask(`${client.options.site}/portraits?agents=${fresh.join(',')}`)
      .then(found => Object.entries((found as { portraits: Faces }).portraits).forEach(([id, src]) => show(id, src)))
      .catch(() => {}) // the initials stay
      .then(look)
  }
  client.log.subscribe(look)
  client.state.subscribe(look)
  look()
}
