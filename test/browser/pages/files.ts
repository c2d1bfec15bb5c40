/** Files as a person sees them: in a composer, in a conversation, and in the lightbox. The same on both sides. */
import type { FrameLocator, Locator, Page } from 'playwright-core'
import { fileWords } from '@words/files.ts'
import { translator, type Lang } from '@words/words.ts'
import type { Given } from '../harness/pictures.ts'

export class FilesOn {
  readonly t
  constructor(
    private readonly root: Page | FrameLocator | Locator,
    private readonly top: Page | FrameLocator,
    private readonly attach: string,
    lang: Lang = 'en',
  ) {
    this.t = translator(fileWords, lang)
  }

  get button(): Locator {
    return this.root.getByLabel(this.attach, { exact: true })
  }

  async choose(...files: Given[]): Promise<void> {
    await this.button.setInputFiles(files)
  }

  /** Files on disk. */
  async chooseAt(paths: string[]): Promise<void> {
    await this.button.setInputFiles(paths)
  }

  /** What stands in the composer. */
  get chips(): Locator {
    return this.root.getByRole('list', { name: this.t('attached') }).getByRole('listitem')
  }

  async names(): Promise<string[]> {
    return this.chips.locator('.fl-name').allInnerTexts()
  }

  chip(name: string): Locator {
    return this.chips.filter({ hasText: name })
  }

  /** Everything in the composer is uploaded. */
  async uploaded(count: number): Promise<void> {
    await this.chips.nth(count - 1).waitFor()
    await this.root.getByRole('progressbar').first().waitFor({ state: 'detached' })
  }

  picture(name: string): Locator {
    return this.root.getByRole('button', { name: this.t('open', { name }), exact: true })
  }

  get pictures(): Locator {
    return this.root.locator('.fl-picture img')
  }

  /** A card that downloads; its name ends with the size. */
  card(name: string): Locator {
    return this.root.getByRole('link', { name: `${this.t('download')} ${name}` })
  }

  get box(): Locator {
    return this.top.getByRole('dialog', { name: this.t('pictures') })
  }

  /** The picture that the lightbox shows, once it is there. */
  async looking(name: string): Promise<void> {
    await this.box.getByRole('img', { name, exact: true }).waitFor()
    await this.box.getByRole('img', { name, exact: true }).evaluate(async image => { await (image as HTMLImageElement).decode() })
  }

  /** Whether a picture has come, as pixels. */
  static async loaded(image: Locator): Promise<number> {
    return image.evaluate(async element => {
      await (element as HTMLImageElement).decode()
      return (element as HTMLImageElement).naturalWidth
    })
  }
}
