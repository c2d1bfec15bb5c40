import { reactive } from 'vue'

/** What lies over the page: the command palette and the list of keys. */
export const overlays = reactive({ palette: false, shortcuts: false })
