import { computed, ref, shallowRef, watch, type Ref } from 'vue'
import { useDocumentVisibility, useIntervalFn } from '@vueuse/core'
import { useRest } from '../../backend/rest.ts'
import type { Broadcast } from '../../backend/broadcasts.ts'
import { useRequest } from '../../ui/refusal.ts'
import { merged, moves } from './rules.ts'

const page = 50
/** The most that one answer holds. */
const most = 100
/** Between two looks at counts that move, in ms. */
export const pace = 2_000

/**
 * Looks again every two seconds while somebody looks and something moves; one look at a time. What cannot be had is
 * tried again, and `asOf` says since when the counts stand still.
 */
export function useLooking(moving: () => boolean, look: () => Promise<void>): { asOf: Ref<number | undefined> } {
  const visible = useDocumentVisibility()
  const asOf = ref<number>()
  let had = Date.now()
  let looking = false
  async function again(): Promise<void> {
    if (looking || visible.value !== 'visible' || !moving()) return
    looking = true
    try {
      await look()
      had = Date.now()
      asOf.value = undefined
    } catch {
      asOf.value = had
    } finally {
      looking = false
    }
  }
  useIntervalFn(() => void again(), pace)
  watch(visible, () => void again())
  return { asOf }
}

/** A site's broadcasts, page by page, with counts that move. */
export function useListing(site: () => string) {
  const rest = useRest()
  const all = shallowRef<readonly Broadcast[] | null>(null)
  const more = ref(false)
  const { busy, refusal, run } = useRequest()

  async function load(before?: string): Promise<boolean> {
    const on = site()
    return run(async () => {
      const found = await rest.broadcasts(on, page, before)
      if (on !== site()) return
      all.value = before ? [...(all.value ?? []), ...found] : found
      more.value = found.length === page
    })
  }

  const { asOf } = useLooking(() => (all.value ?? []).some(one => moves(one, Date.now())), async () => {
    const on = site()
    const limit = Math.min(most, Math.max(page, all.value?.length ?? 0))
    const newest = await rest.broadcasts(on, limit)
    if (on === site() && all.value) all.value = merged(all.value, newest, limit)
  })
  watch(site, () => { all.value = null; void load() }, { immediate: true })

  return { all, more, busy, refusal, asOf, load, last: computed(() => all.value?.at(-1)?.id) }
}
