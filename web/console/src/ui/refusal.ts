import { computed, ref } from 'vue'
import { translator, type Lang } from '@words/words.ts'
import { Refused } from '../backend/rest.ts'
import { lang } from './language.ts'
import { restWords } from './refusalWords.ts'

/** Which words a refused value gets: the last name of the field's path, settings.origins[2] is `origins`. */
function valueKey(field: string) {
  const name = (field.split('.').pop() ?? '').replace(/\[\d+\]$/, '').replace(/^(new|old)_/, '')
  switch (name) {
    case 'name': case 'site': case 'email': case 'password': case 'role': case 'brand': case 'origins': case 'answer_goal_seconds': case 'retain_days': case 'url': case 'types': return name
    case 'title': case 'greeting': return 'words'
    default: return 'value'
  }
}

/** A refusal in the reader's language: by its code, and where a value was refused by its field. */
export function refusalText(why: unknown, language: Lang): string {
  const t = translator(restWords, language)
  if (!(why instanceof Refused)) return t('offline')
  const { code, field, detail } = why
  if (code === 'bad_value') return t(field ? valueKey(field) : 'value')
  if (code === 'wrong_password' && field) return t('wrong_old')
  if (code === 'wrong_password' && detail.triesLeft !== undefined && detail.triesLeft <= 3) return t('wrong_password_left', { n: detail.triesLeft })
  if (code === 'too_many_tries') return t('too_many_tries', { n: Math.max(1, Math.ceil((detail.retryAfter ?? 0) / 60_000)) })
  return Object.hasOwn(restWords.en, code) ? t(code as 'failed') : t('unknown', { code })
}

/** Runs requests of a form: one at a time, and what is refused stands where it belongs. */
export function useRequest() {
  const busy = ref(false)
  const why = ref<{ error: unknown } | null>(null)
  const refusal = computed(() => {
    if (!why.value) return null
    const { error } = why.value
    const { code = 'offline', field } = error instanceof Refused ? error : {}
    return { code, text: refusalText(error, lang.value), ...(field ? { field } : {}) }
  })

  /** True if the request was granted. */
  async function run(request: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    why.value = null
    try {
      await request()
      return true
    } catch (error) {
      why.value = { error }
      return false
    } finally {
      busy.value = false
    }
  }

  /** The sentence about a field, or with no name the one about the whole form. */
  const about = (field?: string) => (refusal.value && refusal.value.field === field ? refusal.value.text : undefined)

  return { busy, refusal, run, about }
}
