import type { Refused } from '@client/index.ts'
import { translator, type Lang } from '@words/words.ts'
import type { Unsent } from '../../backend/types.ts'
import { lang } from '../../ui/language.ts'
import { show } from '../../ui/toasts.ts'
import { refusalWords } from './refusalWords.ts'

type Code = Exclude<keyof typeof refusalWords.en, 'has' | 'notSent' | 'unknown'>

const isCode = (code: string): code is Code => Object.hasOwn(refusalWords.en, code) && !['has', 'notSent', 'unknown'].includes(code)

/** What happened to a command, then what to do. */
export function wordsOf(why: Pick<Refused, 'code' | 'frame'>, language: Lang): string {
  const t = translator(refusalWords, language)
  const has = why.frame?.round?.agent?.name
  if (has && (why.code === 'not_yours' || why.code === 'conflict')) return t('has', { name: has })
  return isCode(why.code) ? t(why.code) : t('unknown', { code: why.code })
}

/** Tells the agent why a command came to nothing. */
export function sayRefused(why: Refused): void {
  show(wordsOf(why, lang.value))
}

/** Why a message or note stays unsent. */
export function unsentWords(item: Unsent, language: Lang): string {
  const t = translator(refusalWords, language)
  const code = item.code ?? 'offline'
  return t('notSent', { why: isCode(code) ? t(code) : t('unknown', { code }) })
}
