import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import type { Me } from './backend/rest.ts'

/** Who is logged in on this browser. `undefined` until the server has said. */
export const useSession = defineStore('session', () => {
  const me = ref<Me | null>()
  const isOwner = computed(() => me.value?.owner ?? false)
  const administers = computed(() => isOwner.value || (me.value?.sites ?? []).some(site => site.role === 'admin'))
  return { me, isOwner, administers }
})
