import { type Upload } from '@client/files/uploads.ts'
import { fileWords, isPlainFailure, sizeWords } from '@words/files.ts'
import { translator } from '@words/words.ts'
import { usePanel } from '../panel/hooks.ts'
import { type Hint, type Part } from './part.tsx'

/** The words about files in the panel's language. */
export function useWords(part: Part) {
  const { lang } = usePanel()
  const t = translator(fileWords, lang)
  const size = (bytes: number) => sizeWords(bytes, lang)
  return {
    t, size,
    failed: (code: string) => (code === 'file_too_large' ? t(code, { most: size(part.most()) }) : isPlainFailure(code) ? t(code) : t('failed', { code })),
    /** How far an upload is; nothing once it is there. */
    stateOf: ({ state, sent, size: all }: Pick<Upload, 'state' | 'sent' | 'size'>) =>
      state === 'done' ? '' : state === 'waiting' ? t('offline') : state === 'checking' ? t('checking') : `${Math.floor((100 * sent) / all)} %`,
    hintOf: (hint: Hint) => hint && (hint.key === 'tooMany' ? t('tooMany', { most: part.mostFiles, n: hint.n }) : t('settle')),
  }
}

export function Cross() {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M18 6 6 18M6 6l12 12" /></svg>
}
