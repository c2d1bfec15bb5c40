import { ref } from 'vue'

export interface Toast {
  id: number
  text: string
  /** What the button does, for instance "Undo". */
  act?: { label: string; run: () => void }
}

/** The one toast that is shown; a new one takes its place. */
export const toast = ref<Toast | null>(null)

let last = 0

export function show(text: string, act?: Toast['act']): void {
  toast.value = act ? { id: ++last, text, act } : { id: ++last, text }
}
