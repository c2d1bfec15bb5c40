import { computed, onScopeDispose, reactive, ref, shallowRef, watch } from 'vue'
import { useDebounceFn, useIntervalFn } from '@vueuse/core'
import { Refused, useRest } from '../../backend/rest.ts'
import type { Broadcast } from '../../backend/broadcasts.ts'
import { useSession } from '../../session.ts'
import { lang } from '../../ui/language.ts'
import { refusalText } from '../../ui/refusal.ts'
import { contentOf, emptyForm, formOf, isKeepable, markOf, momentOf, sameContent, type Form } from './form.ts'
import { forget, keep, keptOf, keyOf } from './keep.ts'

/** How long after the last key a draft is saved, and after a failure tried again, in ms. */
const pause = { save: 800, retry: 5_000 } as const

/** What came between: changed, deleted or sent by somebody else. `now` is how it is now. */
export type Clash = { kind: 'theirs' | 'out'; now: Broadcast } | { kind: 'gone' }

/** Why it was not sent: a refusal, or too many are out. */
export type NotSent = { error: unknown } | { tooMany: true }

const codeOf = (why: unknown) => (why instanceof Refused ? why.code : '')
const unanswered = (why: unknown) => why instanceof Refused && why.status === 0
/** Whether the same may be granted later. */
const passes = (why: unknown) => unanswered(why) || (why instanceof Refused && (why.status === 429 || why.status >= 500))

/**
 * A draft while it is written: at once in this browser, and after a pause on the server. Nothing that was written is
 * lost: not by a reload, a failed request, or somebody else's change, which is told. `first` is the server's draft;
 * null: there is none yet.
 */
export function useDraft(site: string, first: Broadcast | null, made: (one: Broadcast) => void) {
  const rest = useRest()
  const me = useSession().me?.id ?? ''
  const form = reactive(emptyForm())
  const one = shallowRef(first)
  const clash = shallowRef<Clash | null>(null)
  const failure = shallowRef<{ error: unknown } | null>(null)
  const saving = ref(false)
  const savedAt = ref<number>()
  const key = () => keyOf(me, site, one.value?.id ?? '')
  const same = (a: Form) => one.value !== null && sameContent(a, formOf(one.value))
  const dirty = computed(() => !same(form))
  let alive = true
  /** What was sent last without an answer: the server may have it. */
  let doubt: Form | undefined

  begin()
  function begin(): void {
    const kept = keptOf(key())
    const current = kept && (kept.version === (first?.version ?? 0) || kept.dirty)
    Object.assign(form, current ? kept.form : first ? formOf(first) : {})
    if (kept && first && kept.dirty && kept.version !== first.version && !same(form)) clash.value = { kind: 'theirs', now: first }
  }

  function note(): void {
    keep(key(), { form: { ...form }, version: one.value?.version ?? 0, dirty: dirty.value, at: Date.now() })
  }

  /** `sent` is the form that made it so. */
  function adopt(got: Broadcast, sent: Form): void {
    const isNew = one.value?.id !== got.id
    const before = key()
    one.value = got
    if (got.audience.kind === 'list') Object.assign(form, { idsSaved: markOf(sent.ids), held: got.audience.size ?? 0 })
    doubt = undefined
    failure.value = null
    savedAt.value = Date.now()
    if (isNew) forget(before)
    note()
    if (isNew && alive) made(got)
  }

  /** The draft that an unanswered request may have made or changed. */
  async function ofDoubt(): Promise<Broadcast | undefined> {
    const mine = doubt
    if (!mine) return undefined
    const found = one.value ? [await rest.broadcast(site, one.value.id)] : await rest.broadcasts(site, 20)
    return found.find(({ state, by, ...other }) => state === 'draft' && by.id === me && sameContent(formOf({ ...other, state, by }), { ...mine, idsSaved: markOf(mine.ids) }))
  }

  async function put(): Promise<boolean> {
    for (;;) {
      if (clash.value || !isKeepable(form, Date.now())) return false
      try {
        const had = await ofDoubt()
        if (had && doubt) adopt(had, doubt)
        if (same(form)) return true
        const sent = (doubt = { ...form })
        const content = contentOf(sent)
        adopt(one.value ? await rest.changeBroadcast(site, one.value.id, one.value.version, content) : await rest.makeBroadcast(site, content), sent)
      } catch (why) {
        if (!unanswered(why)) doubt = undefined
        if (!await met(why)) failure.value = { error: why }
        return false
      }
    }
  }

  /** Whether a refusal comes of what somebody else did, which is then told. */
  async function met(why: unknown): Promise<boolean> {
    if (!one.value) return false
    if (codeOf(why) === 'not_found') clash.value = { kind: 'gone' }
    if (codeOf(why) !== 'conflict') return clash.value !== null
    const now = await rest.broadcast(site, one.value.id).catch(() => undefined)
    if (!now || now.version === one.value.version) return false
    clash.value = { kind: now.state === 'draft' ? 'theirs' : 'out', now }
    return true
  }

  let running: Promise<boolean> | undefined
  /** Brings the server up to date; false if it could not be, and why stands in `clash` or `failure`. */
  function save(): Promise<boolean> {
    saving.value = true
    return (running ??= put().finally(() => {
      running = undefined
      saving.value = false
    }))
  }

  const saveSoon = useDebounceFn(() => { if (alive) void save() }, pause.save)
  watch(form, () => {
    if (!alive) return
    note()
    void saveSoon()
  }, { deep: true })
  useIntervalFn(() => { if (failure.value && passes(failure.value.error)) void save() }, pause.retry)
  onScopeDispose(() => {
    const last = alive && dirty.value
    alive = false
    if (last) void save()
  })

  function takeTheirs(): void {
    if (clash.value?.kind !== 'theirs') return
    one.value = clash.value.now
    clash.value = null
    Object.assign(form, formOf(one.value))
    note()
  }

  /** Goes on with what stands here: over theirs, or where that is no draft any more as a new one. */
  async function keepMine(): Promise<void> {
    if (clash.value?.kind !== 'theirs') forget(key())
    one.value = clash.value?.kind === 'theirs' ? clash.value.now : null
    clash.value = null
    form.idsSaved = ''
    if (!one.value) form.held = 0
    note()
    await save()
  }

  /** Publishes or schedules it as it is on the server; null with the reason in `notSent`. */
  async function send(): Promise<Broadcast | null> {
    notSent.value = null
    const saved = await save() && await save()
    const draft = one.value
    if (!saved || !draft) {
      if (failure.value) notSent.value = failure.value
      return null
    }
    const at = form.later ? momentOf(form.at) : undefined
    try {
      const out = await (at === undefined ? rest.publishBroadcast(site, draft.id, draft.version) : rest.scheduleBroadcast(site, draft.id, draft.version, at))
      forget(key())
      return out
    } catch (why) {
      return missed(why, draft)
    }
  }
  const notSent = shallowRef<NotSent | null>(null)

  /** It may have gone out although no answer came. */
  async function missed(why: unknown, draft: Broadcast): Promise<Broadcast | null> {
    const now = await rest.broadcast(site, draft.id).catch(() => undefined)
    if (now && unanswered(why) && now.state !== 'draft') {
      forget(key())
      return now
    }
    if (codeOf(why) === 'conflict' && now?.version === draft.version) notSent.value = { tooMany: true }
    else if (!await met(why)) notSent.value = { error: why }
    return null
  }

  /** True when it is gone. */
  async function remove(): Promise<boolean> {
    await running
    const draft = one.value
    try {
      if (draft) await rest.deleteBroadcast(site, draft.id, draft.version)
    } catch (why) {
      if (codeOf(why) !== 'not_found') {
        if (!await met(why)) failure.value = { error: why }
        return false
      }
    }
    forget(key())
    alive = false
    one.value = null
    Object.assign(form, emptyForm())
    return true
  }

  const why = computed(() => (failure.value ? refusalText(failure.value.error, lang.value) : ''))
  return { form, one, clash, failure, why, saving, savedAt, dirty, notSent, save, send, remove, takeTheirs, keepMine }
}
