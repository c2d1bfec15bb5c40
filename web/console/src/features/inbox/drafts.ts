import { useStorage } from '@vueuse/core'

export interface Draft {
  text: string
  mode: 'reply' | 'note'
  /** When it was last touched, ms: the oldest go first when there are too many. */
  at: number
}

const most = 200

/** One draft for each agent and conversation, kept in this browser. A browser that stores nothing keeps them while the page lives. */
const drafts = useStorage<Record<string, Draft>>('kefu.drafts', {})

const keyOf = (agent: string, c: string) => `${agent} ${c}`

export function draftOf(agent: string, c: string): Draft {
  return drafts.value[keyOf(agent, c)] ?? { text: '', mode: 'reply', at: 0 }
}

/** Keeps a draft; a blank reply is forgotten, and of too many the oldest. */
export function keepDraft(agent: string, c: string, text: string, mode: Draft['mode'], at: number): void {
  const others = Object.entries(drafts.value).filter(([key]) => key !== keyOf(agent, c))
  if (text.trim() !== '' || mode === 'note') others.push([keyOf(agent, c), { text, mode, at }])
  drafts.value = Object.fromEntries(others.sort(([, a], [, b]) => b.at - a.at).slice(0, most))
}

/** Somebody logs out: nothing unsent stays on this machine. */
export function forgetDrafts(): void {
  drafts.value = {}
}
