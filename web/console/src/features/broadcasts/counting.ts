import { ref, shallowRef, watch } from 'vue'
import { useDebounceFn, useDocumentVisibility, useIntervalFn } from '@vueuse/core'
import { useRest } from '../../backend/rest.ts'
import type { BroadcastCount, Counted } from '../../backend/broadcasts.ts'

/** After the last change of an audience, in ms. */
const settle = 400

/** For how many it is, asked again every `pace` ms while somebody looks. Null while that is not known, or nothing is asked. */
export function useCount(site: string, of: () => Counted | null, pace: number) {
  const rest = useRest()
  const visible = useDocumentVisibility()
  const count = shallowRef<BroadcastCount | null>(null)
  const failed = ref(false)
  let asking = 0

  async function ask(): Promise<void> {
    const asked = of()
    if (!asked) return
    const turn = ++asking
    const got = await rest.countBroadcast(site, asked).catch(() => undefined)
    if (turn !== asking) return
    failed.value = !got
    if (got) count.value = got
  }

  const askSoon = useDebounceFn(() => void ask(), settle)
  watch(() => JSON.stringify(of()), (now, before) => {
    count.value = null
    asking++
    if (before === undefined) void ask()
    else void askSoon()
  }, { immediate: true })
  useIntervalFn(() => { if (visible.value === 'visible') void ask() }, pace)
  return { count, failed }
}
