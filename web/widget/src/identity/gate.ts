/** What stands in the place of the conversation while it is not known, or not allowed, whose it is. Plain DOM beside what Preact draws. */
import type { Gate } from '@client/identity.ts'
import type { Readable } from '@client/cell.ts'
import { identityWords } from '@words/identity.ts'
import type { Lang } from '@words/words.ts'
import css from './identity.css?inline'

export interface GateDoor {
  lang: Readable<Lang>
  opened: Readable<boolean>
  /** On the page of its own there is no website around it. */
  alone: boolean
  again: () => void
  anew: () => void
}

/** Buttons that ask whether to leave unsent messages behind. */
type Question = { kind: 'sure'; unsent: number; answer: (yes: boolean) => void }

export class GateView {
  #shown: Gate | Question | undefined
  #drawn: HTMLElement | undefined
  readonly #door: GateDoor

  constructor(door: GateDoor) {
    this.#door = door
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
    document.adoptedStyleSheets.push(sheet)
    // The panel may come later, or be drawn anew.
    new MutationObserver(() => !this.#drawn?.isConnected && this.#draw()).observe(document.body, { childList: true })
    door.lang.subscribe(() => this.#draw())
    door.opened.subscribe(opened => {
      if (opened) this.#focus()
      else if (this.#shown?.kind === 'sure') this.#shown.answer(false)
    })
  }

  show(gate: Gate | undefined): void {
    this.#shown = gate
    this.#draw()
  }

  /** Asks; closing the panel and Escape mean no. */
  sure(unsent: number): Promise<boolean> {
    const before = this.#shown
    return new Promise(done => {
      this.#shown = {
        kind: 'sure', unsent, answer: yes => {
          this.#shown = before
          this.#draw()
          done(yes)
        },
      }
      this.#draw()
    })
  }

  #draw(): void {
    const panel = document.querySelector('.kw-panel')
    this.#drawn?.remove()
    this.#drawn = undefined
    if (!panel || !this.#shown) return
    this.#drawn = make('main', { className: 'kw-gate' })
    panel.append(this.#drawn)
    if (this.#shown.kind === 'sure') this.#question(this.#drawn, this.#shown)
    else this.#notice(this.#drawn, this.#shown)
    if (this.#door.opened.get()) this.#focus()
  }

  #notice(into: HTMLElement, gate: Gate): void {
    const t = identityWords[this.#door.lang.get()]
    const text = make('p', { role: 'status', tabIndex: -1 })
    into.append(text)
    text.textContent = gate.kind === 'wait' ? t.wait : this.#door.alone ? t.there : t.login
    if (gate.kind === 'wait') return
    const buttons = make('div', {})
    if (gate.again) buttons.append(button(t.again, this.#door.again, 'kw-go'))
    if (gate.anew) buttons.append(button(t.anew, this.#door.anew))
    into.append(buttons)
  }

  #question(into: HTMLElement, { unsent, answer }: Question): void {
    const t = identityWords[this.#door.lang.get()]
    const box = make('div', { role: 'alertdialog' })
    const title = make('h2', { id: 'kw-sure', textContent: t.sure })
    const text = make('p', { id: 'kw-unsent', textContent: t.unsent(unsent) })
    box.setAttribute('aria-labelledby', title.id)
    box.setAttribute('aria-describedby', text.id)
    box.append(title, text, button(t.stay, () => answer(false), 'kw-go'), button(t.leave, () => answer(true)))
    box.onkeydown = event => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      answer(false)
    }
    into.append(box)
  }

  /** After the panel has looked for a field of its own. */
  #focus(): void {
    setTimeout(() => (this.#drawn?.querySelector('button') ?? this.#drawn?.querySelector('p'))?.focus())
  }
}

const make = <K extends keyof HTMLElementTagNameMap>(name: K, what: Partial<HTMLElementTagNameMap[K]>): HTMLElementTagNameMap[K] => Object.assign(document.createElement(name), what)

const button = (text: string, onclick: () => void, className = '') => make('button', { type: 'button', textContent: text, onclick, className })
