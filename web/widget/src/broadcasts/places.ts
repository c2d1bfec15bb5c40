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
