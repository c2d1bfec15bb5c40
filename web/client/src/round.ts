import { type Event, type Round, type RoundState } from './wire.ts'

const states: Readonly<Record<string, RoundState>> = { opened: 'waiting', released: 'waiting', returned: 'waiting', assigned: 'assigned', resolved: 'resolved' }

/** What an event says of its round, times left out. */
export function roundOf(event: Event, change: NonNullable<Event['round']>): Round {
  const state = states[event.kind] ?? (change.agent ? 'assigned' : 'waiting')
  const agent = state === 'resolved' ? change.from ?? change.agent : change.agent
  return { number: change.number, state, ...(agent && { agent }) }
}

/** The round after an event that is about it, as far as the event says; the same round for any other event. */
export function roundAfter(round: Round, event: Event): Round {
  const { round: change } = event
  if (!change) return round
  const next = roundOf(event, change)
  const { state } = next
  const opened = event.kind === 'opened' ? event.at : round.opened_at
  if (opened) next.opened_at = opened
  if (state === 'resolved') next.resolved_at = event.at
  else if (round.unanswered_since) next.unanswered_since = round.unanswered_since
  if (state === 'waiting') next.waiting_since = round.unanswered_since ?? event.at
  return next
}
