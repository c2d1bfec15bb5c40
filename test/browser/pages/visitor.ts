/** What a visitor sees and does, by the names that a screen reader would say. */
import type { FrameLocator, Locator, Page } from 'playwright-core'
import { faceWords } from '@words/face.ts'
import { widgetWords } from '@words/widget.ts'
import { translator, type Lang } from '@words/words.ts'

export type Words = ReturnType<typeof wordsOf>
const wordsOf = (lang: Lang) => translator(widgetWords, lang)

export class VisitorPage {
  readonly t: Words
  /** Every frame that the server sent to this page. */
  readonly heard: string[] = []
  private readonly face

  private constructor(
    readonly page: Page,
    readonly lang: Lang,
  ) {
    this.t = wordsOf(lang)
    this.face = faceWords[lang]
    page.on('websocket', socket => socket.on('framereceived', ({ payload }) => this.heard.push(String(payload))))
  }

  static async open(page: Page, url: string, lang: Lang = 'en'): Promise<VisitorPage> {
    const visitor = new VisitorPage(page, lang)
    await page.goto(url)
    return visitor
  }

  /** The same person in another tab. */
  async tab(): Promise<VisitorPage> {
    return VisitorPage.open(await this.page.context().newPage(), this.page.url(), this.lang)
  }

  /** The panel: in a frame on a website, or the page itself. */
  get panel(): FrameLocator | Page {
    return new URL(this.page.url()).pathname.startsWith('/chat/') ? this.page : this.frame.contentFrame()
  }

  /** All of it, on a website. */
  get widget(): Locator {
    return this.page.locator('kefu-widget')
  }

  get frame(): Locator {
    return this.page.locator('kefu-widget iframe')
  }

  /** The button on the website, whatever it says is unread. */
  get opener(): Locator {
    return this.page.getByRole('button', { name: new RegExp(`^${this.face.open}`) })
  }

  get closer(): Locator {
    return this.page.locator('kefu-widget').getByRole('button', { name: this.face.close, exact: true })
  }

  unread(n: number): Locator {
    return this.page.getByRole('button', { name: this.face.unread(n), exact: true })
  }

  /** Opens the panel and waits until it can be written in. */
  async openPanel(): Promise<void> {
    await this.opener.click()
    await this.field.waitFor()
  }

  /** Where one writes: on the first page, or under the conversation. */
  get field(): Locator {
    const names = [this.t('yourMessage'), this.t('message')].map(escape).join('|')
    return this.panel.getByRole('textbox', { name: new RegExp(`^(${names})$`) })
  }

  get sendButton(): Locator {
    return this.panel.getByRole('button', { name: this.t('send'), exact: true })
  }

  get log(): Locator {
    return this.panel.getByRole('log')
  }

  /** The banner about the connection. */
  get lost(): Locator {
    return this.panel.getByText(this.t('lost'))
  }

  /** What a page says whose place another one has taken, and how to take over. */
  get elsewhere(): Locator {
    return this.panel.getByText(this.t('elsewhere'))
  }

  get useHere(): Locator {
    return this.panel.getByRole('button', { name: this.t('useHere'), exact: true })
  }

  async write(text: string): Promise<void> {
    await this.field.fill(text)
    await this.field.press('Enter')
  }

  message(text: string): Locator {
    return this.log.getByText(text, { exact: true })
  }

  /** The line that says who answers; names stand apart from the direction of the text around them. */
  joined(name: string): Locator {
    return this.log.getByText(this.t('joined', { name: `\u2068${name}\u2069` }), { exact: true })
  }

  /** A message with the words under its turn: sending, waits, sent, delivered, read. */
  marked(text: string, mark: 'sending' | 'waits' | 'sent' | 'delivered' | 'read' | 'notSent' | 'tooLong'): Locator {
    return this.log.locator('> *').filter({ has: this.panel.getByText(text.replace(/\s+/g, ' '), { exact: true }) }).filter({ has: this.panel.getByText(this.t(mark), { exact: true }) })
  }

  /** A message that the server has kept, however far it has come since. */
  kept(text: string): Locator {
    return this.marked(text, 'sent').or(this.marked(text, 'delivered')).or(this.marked(text, 'read')).first()
  }

  /** What the log says, one line a message. */
  async messages(): Promise<string[]> {
    const texts = await this.log.locator('p[dir=auto]').allInnerTexts()
    return texts.map(text => text.replace(/[\u2066-\u2069]/g, ''))
  }
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
