import { computed, watchEffect } from 'vue'
import { useStorage } from '@vueuse/core'
import { pickLang, translator, type Lang, type T, type Words } from '@words/words.ts'

const chosen = useStorage<Lang | ''>('kefu.lang', '')

/** The language of the interface: what the agent chose, else what the browser asks for. */
export const lang = computed<Lang>({
  get: () => chosen.value || pickLang(navigator.languages),
  set: value => { chosen.value = value },
})

/** Keeps the page's `lang` in step; call it once, when the application starts. */
export function markLanguage(): void {
  watchEffect(() => { document.documentElement.lang = lang.value })
}

/** The translator of a part's words; a template that uses it follows the language. */
export function useWords<Zh extends Readonly<Record<string, string>>>(words: Words<Zh>): T<Zh> {
  return translator(words, () => lang.value)
}
