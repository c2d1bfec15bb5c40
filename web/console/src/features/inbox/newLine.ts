import { ref, watch, type Ref } from 'vue'
import { useTimeoutFn } from '@vueuse/core'

const longEnough = 5000 // ms: who has looked at the end for so long has read it

/**
 * After which event the line "New" stands; 0 once that is read: the reader answered, or had the end of the log before the
 * eyes for a while without a break.
 */
export function useNewLine(first: number, reading: Ref<boolean>, answers: Ref<number>): Ref<number> {
  const after = ref(first)
  const { start, stop } = useTimeoutFn(() => { after.value = 0 }, longEnough, { immediate: false })
  watch(reading, on => {
    if (on && after.value) start()
    else stop()
  }, { immediate: true })
  watch(answers, (count, before) => { if (count > before) after.value = 0 })
  return after
}
