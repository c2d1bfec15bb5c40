import { fileWords, isPlainFailure, sizeWords } from '@words/files.ts'
import { endingOf, kindOf, safeName } from '@client/files/kinds.ts'
import type { OutboxFile, Upload } from '../../../backend/types.ts'
import { lang, useWords } from '../../../ui/language.ts'

/** The words about files, as the console says them. */
export function useFileWords() {
  const t = useWords(fileWords)
  const size = (bytes: number) => sizeWords(bytes, lang.value)
  return {
    t, size, endingOf, nameOf: safeName,
    failed: (code: string, most: number) => (code === 'file_too_large' ? t(code, { most: size(most) }) : isPlainFailure(code) ? t(code) : t('failed', { code })),
    /** How far an upload is; nothing once it is there. */
    stateOf: ({ state, sent, size: all }: Upload) =>
      state === 'done' || state === 'failed' ? '' : state === 'waiting' ? t('offline') : state === 'checking' ? t('checking') : `${Math.floor((100 * sent) / all)} %`,
    /** The files of a message as a line of text. */
    said: (files: readonly OutboxFile[] | undefined) => {
      const [first] = files ?? []
      if (!first) return ''
      const others = (files?.length ?? 0) - 1
      return `${t(kindOf(first))} \u2068${safeName(first.name)}\u2069${others > 0 ? ` +${others}` : ''}`
    },
  }
}
