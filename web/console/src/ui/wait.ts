export type WaitTone = 'calm' | 'soon' | 'late'

export interface Wait {
  /** How long, ms. */
  ms: number
  /** The part of the site's goal that has passed, 0 to 1. */
  share: number
  tone: WaitTone
}

const soon = 0.6
const defaultGoal = 180 // seconds, where a site has none

/** How long a visitor has waited, and how that stands to the site's goal: amber from 60 % of it, red past it. */
export function waitOf(since: number | undefined, now: number, goalSeconds: number | undefined): Wait | null {
  if (!since) return null
  const ms = Math.max(0, now - since)
  const share = ms / ((goalSeconds || defaultGoal) * 1000)
  return { ms, share: Math.min(1, share), tone: share > 1 ? 'late' : share >= soon ? 'soon' : 'calm' }
}
