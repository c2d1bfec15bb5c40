import { shallowRef } from 'vue'
import type { Visitor } from '../../backend/types.ts'

/** What an admin asked to do with a visitor: its dialog stands over the page until it is closed. */
export interface Handled {
  act: 'erase' | 'export'
  site: string
  visitor: Visitor & { id: string }
}

export const handled = shallowRef<Handled | null>(null)
