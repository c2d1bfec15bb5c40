import { ref, watch, type Ref } from 'vue'
import { onBeforeRouteLeave, onBeforeRouteUpdate } from 'vue-router'

/** Asks before somebody leaves the page of a site while `holds` says so. It stays until `leave` is called; `asking` ends with the question. */
export function useLeaving(holds: () => Promise<boolean>): { asking: Ref<boolean>; leave: () => void } {
  const asking = ref(false)
  let answer: (go: boolean) => void = () => undefined
  watch(asking, on => { if (!on) answer(false) })

  async function may(): Promise<boolean> {
    answer(false) // who goes elsewhere while the question stands is asked anew
    if (!await holds()) return true
    asking.value = true
    return new Promise(resolve => { answer = resolve })
  }
  onBeforeRouteLeave(may)
  onBeforeRouteUpdate((to, from) => to.params.site === from.params.site || may())

  return { asking, leave: () => { answer(true) } }
}
