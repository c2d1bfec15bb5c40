import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import type { Visitor } from '../../backend/types.ts'

/** Who is on the sites now. The connection writes it. */
export const useVisitors = defineStore('visitors', () => {
  const byKey = ref(new Map<string, Visitor>())
  const count = ref(0)
  const loaded = ref(false)

  /** Those who are here, the newest first. */
  const here = computed(() => [...byKey.value.values()]
    .filter(visitor => visitor.presence !== 'offline')
    .sort((a, b) => (b.since ?? 0) - (a.since ?? 0)))

  function snapshot(visitors: Visitor[], total: number): void {
    byKey.value = new Map(visitors.map(visitor => [visitor.key, visitor]))
    count.value = total
    loaded.value = true
  }

  function change(put: Visitor[], drop: string[], total: number): void {
    for (const visitor of put) byKey.value.set(visitor.key, visitor)
    for (const key of drop) byKey.value.delete(key)
    count.value = total
  }

  return { byKey, count, loaded, here, snapshot, change }
})
