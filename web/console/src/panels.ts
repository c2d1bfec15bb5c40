import type { Component } from 'vue'
import type { RouteRecordRaw } from 'vue-router'
import type { Lang } from '@words/words.ts'
import { inboxPanel } from './features/inbox/panel.ts'
import { visitorsPanel } from './features/visitors/panel.ts'
import { broadcastsPanel } from './features/broadcasts/panel.ts'
import { settingsPanel } from './features/settings/panel.ts'

/** A place of the console: an entry in the navigation, a key after G, and its routes. */
export interface Panel {
  name: string
  path: string
  icon: Component
  title: Readonly<Record<Lang, string>>
  key: string
  /** Whether this agent has it; absent: everybody does. Its routes say so themselves to the others. */
  may?: () => boolean
  routes: RouteRecordRaw[]
}

/** Every panel, in the order of the navigation. A new one is one line here. */
export const panels: readonly Panel[] = [
  inboxPanel,
  visitorsPanel,
  broadcastsPanel,
  settingsPanel,
]

/** Those that this agent has. Reads reactive state. */
export const panelsOfMine = (): readonly Panel[] => panels.filter(panel => panel.may?.() ?? true)
