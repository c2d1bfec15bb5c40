import { computed, watchEffect } from 'vue'
import { usePreferredDark, useStorage } from '@vueuse/core'

export type Theme = 'auto' | 'light' | 'dark'

/** What the agent chose; "auto" follows the system. */
export const theme = useStorage<Theme>('kefu.theme', 'auto')

const systemIsDark = usePreferredDark()

export const isDark = computed(() => (theme.value === 'auto' ? systemIsDark.value : theme.value === 'dark'))

/** Keeps the page's `data-theme` in step; call it once, when the application starts. */
export function markTheme(): void {
  watchEffect(() => {
    if (theme.value === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme.value
  })
}

/** Light becomes dark, and dark light. */
export function flipTheme(): void {
  theme.value = isDark.value ? 'light' : 'dark'
}
