import type { Visitor } from '../../backend/types.ts'
import { useWords } from '../../ui/language.ts'
import { isolated, isSaid, nameOf } from '../../ui/people.ts'
import { inboxWords } from './words.ts'

/** A visitor's name for a line of text, with its mark where it is the page's word alone. */
export function useNaming(): (visitor: Visitor) => string {
  const t = useWords(inboxWords)
  return visitor => (isSaid(visitor) ? t('nameSaid', { name: isolated(nameOf(visitor)) }) : nameOf(visitor))
}
