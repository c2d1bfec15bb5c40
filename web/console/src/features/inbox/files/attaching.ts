import { computed, ref, watch } from 'vue'
import { useEventListener } from '@vueuse/core'
import { hasFiles } from '@client/files/given.ts'
import { mostFiles } from '@client/files/most.ts'
import { useLive } from '../../../backend/live.ts'
import { useInbox } from '../store.ts'
import { useFileWords } from './words.ts'

/** A drag is over when nothing more is heard of it for this long, in ms. */
const still = 300

/** What a composer does with files: chosen, pasted or dropped anywhere on the page. */
export function useAttaching(c: string) {
  const { t } = useFileWords()
  const live = useLive()
  const inbox = useInbox()
  const left = ref(0)
  const settle = ref(false)
  const dragged = ref(false)
  const allowed = computed(() => inbox.limits.file_bytes !== undefined)
  const uploads = computed(() => inbox.uploads.filter(upload => upload.place === c && !upload.taken))
  const failed = computed(() => uploads.value.some(({ state }) => state === 'failed'))
  const hint = computed(() => (settle.value && failed.value ? t('settle') : left.value > 0 ? t('tooMany', { most: mostFiles, n: left.value }) : ''))
  let leaving: ReturnType<typeof setTimeout> | undefined

  watch(() => uploads.value.length, (now, before) => { if (now < before) left.value = 0 })

  async function add(files: readonly File[]): Promise<void> {
    left.value = await live.attach(c, files)
  }

  function chosen(event: Event): void {
    const input = event.currentTarget as HTMLInputElement
    void add([...(input.files ?? [])])
    input.value = '' // so that the same file can be chosen again
  }

  function heard(event: ClipboardEvent | DragEvent): void {
    const data = event instanceof ClipboardEvent ? event.clipboardData : event.dataTransfer
    if (!allowed.value || !data || !hasFiles(data)) return
    event.preventDefault()
    clearTimeout(leaving)
    dragged.value = event.type === 'dragover'
    leaving = setTimeout(() => { dragged.value = false }, still)
    if (event.type !== 'dragover') void add([...data.files])
  }

  useEventListener(window, ['dragover', 'drop'], heard)
  useEventListener(window, 'paste', heard)

  /** Whether everything that was chosen may go out; says so where not. */
  function ready(): boolean {
    settle.value = failed.value
    return !failed.value
  }

  return { allowed, uploads, hint, dragged, chosen, ready }
}
