/** The bounds of settings.retain_days. */
const fewest = 7
const most = 3650

/** Days as they are stored, 0 for ever; null where they are not to be understood. */
export function daysOf(text: string): number | null {
  const typed = text.trim()
  if (typed === '' || typed === '0') return 0
  const days = /^\d+$/.test(typed) ? Number(typed) : NaN
  return days >= fewest && days <= most ? days : null
}

/** Whether a change removes what was kept so far. */
export function keepsLess(before: number, after: number): boolean {
  return after !== 0 && (before === 0 || after < before)
}
