import { useStorage } from '@vueuse/core'

/** What this browser keeps of the agent's wishes. */
export const preferences = useStorage('kefu.preferences', {
  sound: true,
  desktop: false,
  singleKeys: true,
  facts: true,
}, undefined, { mergeDefaults: true })
