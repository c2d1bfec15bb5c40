import type { Row, View } from '../../backend/types.ts'

/** Since when somebody waits for an answer; 0 if nobody does. */
export function awaited(row: Row): number {
  return row.round.unanswered_since ?? row.round.waiting_since ?? 0
}

/** The longest waiting first, in the queue by when its round began to wait; then the others, the latest first. What is resolved: the latest first. */
export function ordered(rows: readonly Row[], view: View): Row[] {
  const since = view === 'resolved' ? () => 0 : view === 'waiting' ? (row: Row) => row.round.waiting_since ?? 0 : awaited
  return [...rows].sort((a, b) => {
    const left = since(a)
    const right = since(b)
    if (left && right) return left - right || (a.c < b.c ? -1 : 1)
    if (left || right) return left ? -1 : 1
    return b.last_at - a.last_at || (a.c < b.c ? -1 : 1)
  })
}

/** Who needs my reply, apart from who owes me one. */
export function parted(rows: readonly Row[]): { reply: Row[]; theirs: Row[] } {
  return { reply: rows.filter(row => awaited(row) > 0), theirs: rows.filter(row => awaited(row) === 0) }
}

/** The row that has waited longest for anybody's answer. */
export function longestWaiting(rows: readonly Row[]): Row | undefined {
  return ordered(rows.filter(row => awaited(row) > 0), 'open')[0]
}

/** The neighbour of a row in the order shown; the first or last one where there is none. */
export function neighbour(rows: readonly Row[], c: string | null, step: 1 | -1): Row | undefined {
  const at = rows.findIndex(row => row.c === c)
  if (at < 0) return step === 1 ? rows[0] : rows[rows.length - 1]
  return rows[Math.min(rows.length - 1, Math.max(0, at + step))]
}

/** The view to start with: where there is work. */
export function firstView(mine: readonly Row[], waiting: number): View {
  if (mine.some(row => awaited(row) > 0)) return 'mine'
  return waiting > 0 ? 'waiting' : 'mine'
}
