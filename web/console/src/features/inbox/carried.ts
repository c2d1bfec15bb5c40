import { watch } from 'vue'
import type { LogEvent } from '../../backend/types.ts'

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
