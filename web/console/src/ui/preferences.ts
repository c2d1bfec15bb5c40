import { useStorage } from '@vueuse/core'

/** What this browser keeps of the agent's wishes. */
export const preferences = useStorage('kefu.preferences', {
  sound: true,
  desktop: false,
  singleKeys: true,
  facts: true,
  /** The agent wishes to be away, in every tab of this browser. */
  away: false,
}, undefined, { mergeDefaults: true })
