/** What an agent sees and does, by the names that a screen reader would say. */
import type { Locator, Page } from 'playwright-core'
import { frameWords } from '../../../web/console/src/frame/words.ts'
import { inboxWords } from '../../../web/console/src/features/inbox/words.ts'
import { translator, type Lang } from '@words/words.ts'

const wordsOf = (lang: Lang) => translator(inboxWords, lang)
const frameOf = (lang: Lang) => translator(frameWords, lang)

export class AgentPage {
  readonly t: ReturnType<typeof wordsOf>
  /** The words around every panel. */
  readonly frame: ReturnType<typeof frameOf>

  private constructor(
    readonly page: Page,
    readonly lang: Lang,
  ) {
    this.t = wordsOf(lang)
    this.frame = frameOf(lang)
  }

  static async open(page: Page, url: string, lang: Lang = 'en'): Promise<AgentPage> {
    await page.goto(url)
    const agent = new AgentPage(page, lang)
    await page.getByRole('navigation').waitFor()
    return agent
  }

  /** An agent on a page that was reached some other way. */
  static on(page: Page, lang: Lang = 'en'): AgentPage {
    return new AgentPage(page, lang)
  }

  /** Waiting, mine, all open; the name holds the count. */
  tab(view: 'waiting' | 'mine' | 'open'): Locator {
    return this.page.getByRole('tab', { name: this.t(view) })
  }

  get list(): Locator {
    return this.page.getByRole('region', { name: this.t('list'), exact: true })
  }

  get rows(): Locator {
    return this.list.getByRole('link')
  }

  /** The row of a conversation, by its last message or its name. */
  row(text: string): Locator {
    return this.rows.filter({ hasText: text })
  }

  get sheet(): Locator {
    return this.page.getByRole('region', { name: this.t('conversation'), exact: true })
  }

  get composer(): Locator {
    return this.sheet.getByRole('form', { name: this.t('composer') })
  }

  get field(): Locator {
    return this.composer.getByRole('textbox')
  }

  button(name: 'take' | 'resolve' | 'send' | 'addNote'): Locator {
    return this.sheet.getByRole('button', { name: this.t(name), exact: true })
  }

  get tryNow(): Locator {
    return this.page.getByRole('button', { name: this.frame('tryNow'), exact: true })
  }

  get useHere(): Locator {
    return this.page.getByRole('button', { name: this.frame('useHere'), exact: true })
  }

  get banner(): Locator {
    return this.page.getByText(this.frame('noConnection'))
  }

  /** What a page says whose place another one has taken. */
  get elsewhere(): Locator {
    return this.page.getByText(this.frame('elsewhere'))
  }

  /** The same agent in another tab. */
  async again(): Promise<AgentPage> {
    return AgentPage.open(await this.page.context().newPage(), this.page.url(), this.lang)
  }

  message(text: string): Locator {
    return this.sheet.getByText(text, { exact: true })
  }

  /** Shows all open conversations and opens one. */
  async openRow(text: string): Promise<void> {
    await this.tab('open').click()
    await this.row(text).click()
    await this.field.waitFor()
  }

  async reply(text: string): Promise<void> {
    await this.composer.getByRole('radio', { name: this.t('reply'), exact: true }).check()
    await this.field.fill(text)
    await this.field.press('Enter')
  }

  /** Hands the open conversation over, or back to those who wait. */
  async handTo(name: string): Promise<void> {
    await this.sheet.getByRole('button', { name: this.t('assign') }).click()
    await this.page.getByRole('menuitem', { name }).click()
  }

  async note(text: string): Promise<void> {
    await this.composer.getByRole('radio', { name: this.t('noteMode'), exact: true }).check()
    await this.field.fill(text)
    await this.field.press('Enter')
  }
}
