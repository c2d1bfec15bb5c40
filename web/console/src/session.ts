import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import type { Me } from './backend/rest.ts'

/** Who is logged in on this browser. `undefined` while the server could not be asked. */
export const useSession = defineStore('session', () => {
  const me = ref<Me | null>()
  /** The log-in was ended from elsewhere, and the log-in page has to say so. */
  const ended = ref(false)
  /** This agent is signing out: that its log-in ends is no news. */
  const leaving = ref(false)
  const isOwner = computed(() => me.value?.owner ?? false)
  const administers = computed(() => isOwner.value || (me.value?.sites ?? []).some(site => site.role === 'admin'))
  /** The sites that this agent may write to at once: as supervisor or admin. */
  const broadcasts = computed(() => (me.value?.sites ?? []).filter(site => isOwner.value || site.role !== 'agent'))

  function end(): void {
    if (!me.value || leaving.value) return
    ended.value = true
    me.value = null
  }

  return { me, ended, leaving, isOwner, administers, broadcasts, end }
})
