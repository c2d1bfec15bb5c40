import { useStorage } from '@vueuse/core'
import { emptyForm, type Form } from './form.ts'

/** What this browser keeps of a draft that somebody writes, beside what the server has. */
export interface Kept {
  form: Form
  /** The server's version that it began from; 0: the server has none. */
  version: number
  /** Something in it is not on the server. */
  dirty: boolean
  /** When it was last touched, ms: the oldest go first when there are too many. */
  at: number
}

const most = 20
/** A longer list of ids is left to the server, in characters. */
const mostIds = 100_000

const kept = useStorage<Record<string, Kept>>('kefu.broadcasts', {})

/** `id` is empty while the server has no such draft. */
export const keyOf = (agent: string, site: string, id: string): string => `${agent} ${site} ${id}`

export function keptOf(key: string): Kept | undefined {
  const one = kept.value[key]
  return one && { ...one, form: readable(one.form) }
}

/** What is kept may be of another version of this page: a field that is not as it should be is empty. */
function readable(form: Partial<Record<keyof Form, unknown>>): Form {
  const empty = emptyForm()
  const fields = Object.entries(empty) as [keyof Form, unknown][]
  return { ...empty, ...Object.fromEntries(fields.flatMap(([name, none]) => (typeof form[name] === typeof none ? [[name, form[name]]] : []))) }
}

export function keep(key: string, one: Kept): void {
  const others = Object.entries(kept.value).filter(([known]) => known !== key)
  const { ids } = one.form
  const form = ids.length > mostIds ? { ...one.form, ids: '', idsSaved: '' } : one.form
  kept.value = Object.fromEntries([...others, [key, { ...one, form }] as const].sort(([, a], [, b]) => b.at - a.at).slice(0, most))
}

export function forget(key: string): void {
  if (key in kept.value) kept.value = Object.fromEntries(Object.entries(kept.value).filter(([known]) => known !== key))
}

/** Somebody logs out: nothing unsent stays on this machine. */
export function forgetBroadcasts(): void {
  kept.value = {}
}
