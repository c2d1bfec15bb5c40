/** All of the panel that has to do with files: a chunk of its own, loaded with the first of them. */
import { browserWorld } from '@client/browser.ts'
import { Cell } from '@client/cell.ts'
import { Addresses } from '@client/files/addresses.ts'
import { picture } from '@client/files/browser.ts'
import { browserSend } from '@client/files/door.ts'
import { mostFiles } from '@client/files/most.ts'
import { Uploads } from '@client/files/uploads.ts'
import { isBlank } from '@client/text.ts'
import { type SendProblem, type VisitorClient } from '@client/visitor.ts'
import css from '../../../files.css?inline'
import { Chips } from './Chips.tsx'
import { Files } from './Files.tsx'

/** What stands in the way, said under the chips. */
export type Hint = { key: 'tooMany'; n: number } | { key: 'settle' } | undefined

export type Part = ReturnType<typeof open>

/** A visitor has one composer. */
const place = ''

export function open(client: VisitorClient) {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets.push(sheet)
  const headers = () => ({ Authorization: `Bearer ${client.secret}`, 'Kefu-Site': client.options.site })
  const most = () => client.state.get().limits?.file_bytes ?? Infinity
  const uploads = new Uploads({ world: browserWorld, send: browserSend, headers, outbox: () => client.sending, items: client.outbox, most, picture })
  const addresses = new Addresses({ world: browserWorld, send: browserSend, headers })
  let waiting = 0
  client.outbox.subscribe(items => {
    const before = waiting
    waiting = items.filter(({ files }) => files).length
    if (waiting < before) addresses.kept()
  })
  const hint = new Cell<Hint>(undefined)
  const dragged = new Cell(false)
  let leaving: ReturnType<typeof setTimeout>

  const add = (files: readonly File[]) => {
    const left = uploads.add(place, files)
    hint.set(left > 0 ? { key: 'tooMany', n: left } : undefined)
  }

  return {
    uploads, addresses, hint, dragged, most, place, mostFiles, add, Chips, Files,
    /** What a paste, a drag or a drop has brought. A drag is over when nothing more is heard of it. */
    heard(type: string, files: readonly File[]): void {
      clearTimeout(leaving)
      dragged.set(type === 'dragover')
      leaving = setTimeout(() => dragged.set(false), 300)
      if (type !== 'dragover') add(files)
    },
    /** Sends a text with what was chosen; nothing goes out while something of that has failed. */
    send(text: string): SendProblem | undefined {
      if (uploads.inComposer(place).some(({ state }) => state === 'failed')) {
        hint.set({ key: 'settle' })
        return 'blank'
      }
      return uploads.give(place, files => client.send(files && isBlank(text) ? '' : text, files))
    },
    resend: (id: string) => uploads.resend(id),
    discard: (id: string) => uploads.discard(id),
  }
}
