import type { Row } from '../../backend/types.ts'
import { emailsOf, isSaid, nameOf } from '../../ui/people.ts'

/** The parts of a text where the query was found, in turn: plain, found, plain, … Null if a word of it is absent. */
export function marked(text: string, query: string): string[] | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const lower = text.toLowerCase()
  if (words.some(word => !lower.includes(word))) return null
  const first = words[0]
  if (!first || lower.length !== text.length) return [text]
  const at = lower.indexOf(first)
  return [text.slice(0, at), text.slice(at, at + first.length), text.slice(at + first.length)]
}

/** How a conversation is shown that the query found: by its visitor's name or e-mail addresses, or by its last message. */
export function foundIn(row: Row, query: string): { row: Row; name: string; parts: string[]; text: string; /** The name is the page's word alone. */ said: boolean } | null {
  const name = nameOf(row.visitor)
  const parts = marked(name, query)
  const text = row.last?.text ?? ''
  return parts || [text, ...emailsOf(row.visitor)].some(one => marked(one, query)) ? { row, name, parts: parts ?? [name], text, said: isSaid(row.visitor) } : null
}
