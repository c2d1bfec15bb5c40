import { render } from 'preact'
import { pickLang, translator } from '@words/words.ts'
import { widgetWords } from '@words/widget.ts'

/** Draws the panel into an element. */
export function open(into: HTMLElement): void {
  const t = translator(widgetWords, pickLang(navigator.languages))
  render(<p role="status">{t('waiting')}</p>, into)
}
