import { computed, watchEffect } from 'vue'
import { useStorage } from '@vueuse/core'
import { pickLang } from '@words/pick.ts'
import { translator, type Lang, type T, type Words } from '@words/words.ts'

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

const runsLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|[\ud802\ud803\ud83a\ud83b]/

/** Keeps what runs from right to left, such as a name, from turning the sentence around it. */
export function isolated<Value>(value: Value): Value | string {
  return typeof value === 'string' && runsLeft.test(value) ? `\u2068${value}\u2069` : value
}

/** The translator of a part's words; a template that uses it follows the language. */
export function useWords<Zh extends Readonly<Record<string, string>>>(words: Words<Zh>): T<Zh> {
  const t = translator(words, () => lang.value) as (key: string, params?: Readonly<Record<string, unknown>>) => string
  const apart = (key: string, params: Readonly<Record<string, unknown>> = {}) =>
    t(key, Object.fromEntries(Object.entries(params).map(([name, value]) => [name, isolated(value)])))
  return apart as T<Zh>
}
