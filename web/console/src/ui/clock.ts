import { computed } from 'vue'
import { useNow } from '@vueuse/core'

const tick = useNow({ interval: 1000 })

/** The time now, in ms, once a second: for waits and "today". */
export const now = computed(() => tick.value.getTime())
