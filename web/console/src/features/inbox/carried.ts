import { watch } from 'vue'
import { mostFiles } from '@client/files/most.ts'
import { useLive } from '../../backend/live.ts'
import type { LogEvent } from '../../backend/types.ts'
import { show } from '../../ui/toasts.ts'
import { moveDraft } from './drafts.ts'
import { useFileWords } from './files/words.ts'
import { useInbox } from './store.ts'

/** What is looked at: a conversation and its newest event. */
export interface Looked {
  c: string | null
  last: LogEvent | undefined
}

/**
 * Goes along when the conversation that is looked at goes on in another one. Whoever opens one that has ended long ago
 * stays there.
 */
export function useCarried(looked: () => Looked, go: (to: string) => void): void {
  watch(looked, (now, before) => {
    const came = now.last?.kind === 'carried' && before.last && before.last.kind !== 'carried'
    if (came && now.c && now.c === before.c && now.last?.to) go(now.last.to)
  })
}

/** Takes along what is being written in a conversation to where that goes on: the text, and the files beside it. */
export function useAlong(): (from: string, to: string) => void {
  const inbox = useInbox()
  const live = useLive()
  const { t } = useFileWords()
  return (from, to) => {
    const { moved, left } = live.moveFiles(from, to)
    moveDraft(inbox.me.id, from, to, Date.now(), moved > 0)
    if (left > 0) show(t('tooMany', { most: mostFiles, n: left }))
  }
}
