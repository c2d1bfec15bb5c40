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

/** What stands in a conversation's composer goes on in another one; what stands there stays first. One that is or joins a note is a note: no note, and no file of one, reaches the visitor. */
export function moveDraft(agent: string, from: string, to: string, at: number, files = false): void {
  const [old, there] = [draftOf(agent, from), draftOf(agent, to)]
  if (old.text.trim() === '' && !(files && old.mode === 'note')) return
  const text = [there.text, old.text].filter(one => one.trim() !== '').join('\n')
  keepDraft(agent, to, text, there.mode === 'note' ? 'note' : old.mode, at)
  keepDraft(agent, from, '', 'reply', at)
}

/** A conversation is no more: nor is what anybody was writing in it here. */
export function forgetDraft(c: string): void {
  const left = Object.entries(drafts.value).filter(([key]) => !key.endsWith(` ${c}`))
  if (left.length < Object.keys(drafts.value).length) drafts.value = Object.fromEntries(left)
}

/** Somebody logs out: nothing unsent stays on this machine. */
export function forgetDrafts(): void {
  drafts.value = {}
}
