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
