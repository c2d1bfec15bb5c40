import { ref } from 'vue'
import { Refused } from '../backend/rest.ts'

/** Runs requests of a form: one at a time, and what is refused stands where it belongs. */
export function useRequest(unreachable: () => string) {
  const busy = ref(false)
  const refusal = ref<{ text: string; field?: string } | null>(null)

  /** True if the request was granted. */
  async function run(request: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    refusal.value = null
    try {
      await request()
      return true
    } catch (error) {
      refusal.value = error instanceof Refused
        ? { text: error.message, ...(error.field ? { field: error.field } : {}) }
        : { text: unreachable() }
      return false
    } finally {
      busy.value = false
    }
  }

  /** The sentence about a field, or with no name the one about the whole form. */
  const about = (field?: string) => (refusal.value && refusal.value.field === field ? refusal.value.text : undefined)

  return { busy, refusal, run, about }
}
