import { useStorage } from '@vueuse/core'

export interface Draft {
  text: string
  mode: 'reply' | 'note'
  /** When it was last touched, ms: the oldest go first when there are too many. */
  at: number
}

const most = 200

/** One draft for each conversation, kept in this browser. A browser that stores nothing keeps them while the page lives. */
const drafts = useStorage<Record<string, Draft>>('kefu.drafts', {})

export function draftOf(c: string): Draft {
  return drafts.value[c] ?? { text: '', mode: 'reply', at: 0 }
}

/** Keeps a draft; a blank reply is forgotten, and of too many the oldest. */
export function keepDraft(c: string, text: string, mode: Draft['mode'], at: number): void {
  const others = Object.entries(drafts.value).filter(([key]) => key !== c)
  if (text.trim() !== '' || mode === 'note') others.push([c, { text, mode, at }])
  drafts.value = Object.fromEntries(others.sort(([, a], [, b]) => b.at - a.at).slice(0, most))
}
