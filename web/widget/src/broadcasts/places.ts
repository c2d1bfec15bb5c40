import type { ComponentChildren } from 'preact'
import type { Broadcast } from '@client/index.ts'
import type { Line } from '../panel/turns.ts'

const timeOf = (line: Line): number | undefined => (line.kind === 'turn' || line.kind === 'day' ? line.at : undefined)

/** The lines of a conversation with the broadcasts between them, each before the first line that is newer. */
export function placed(lines: readonly Line[], list: readonly Broadcast[], lineOf: (one: Broadcast) => Line): readonly Line[] {
  const out = [...lines]
  for (const one of list) {
    const later = out.findIndex(line => (timeOf(line) ?? 0) > one.at)
    // The line of a day belongs to what comes after it.
    out.splice(later < 0 ? out.length : later, 0, lineOf(one))
  }
  return out
}

/** The lines with what each message answers, as far as it is still shown. */
export function quoted(lines: readonly Line[], list: readonly Broadcast[], quoteOf: (one: Broadcast) => ComponentChildren): readonly Line[] {
  return lines.map(line => {
    if (line.kind !== 'turn') return line
    const bubbles = line.bubbles.map(bubble => {
      const one = bubble.broadcast && list.find(({ id }) => id === bubble.broadcast)
      return one ? { ...bubble, quote: quoteOf(one) } : bubble
    })
    return { ...line, bubbles }
  })
}
