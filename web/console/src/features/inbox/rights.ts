import type { Role, Round } from '../../backend/types.ts'

/** What this agent may do with a round, as the server will decide it. */
export interface Rights {
  take: boolean
  resolve: boolean
  release: boolean
  assign: boolean
  reply: boolean
}

/** The table of rounds: any agent takes what waits; its agent or a supervisor moves and resolves it. */
export function rightsOf(round: Round, me: string, role: Role): Rights {
  const leads = role !== 'agent'
  const waiting = round.state === 'waiting'
  const assigned = round.state === 'assigned'
  const mine = assigned && round.agent?.id === me
  return {
    take: waiting,
    resolve: waiting || mine || (assigned && leads),
    release: mine || (assigned && leads),
    assign: mine || (leads && (waiting || assigned)),
    reply: !assigned || mine || leads,
  }
}
