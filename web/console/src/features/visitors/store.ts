import { computed, shallowRef } from 'vue'
import { defineStore } from 'pinia'
import type { VisitorsState } from '../../backend/types.ts'

const unknown: VisitorsState = { all: [], count: 0, known: false }

/** Who is on the sites now. The connection writes it. */
export const useVisitors = defineStore('visitors', () => {
  const state = shallowRef<VisitorsState>(unknown)
  const count = computed(() => state.value.count)
  const loaded = computed(() => state.value.known)

  /** Those who are here, the newest first. */
  const here = computed(() => state.value.all
    .filter(visitor => visitor.presence !== 'offline')
    .sort((a, b) => (b.since ?? 0) - (a.since ?? 0)))

  function reset(): void {
    state.value = unknown
  }

  return { state, count, loaded, here, reset }
})
