import { ref, shallowRef, watch } from 'vue'
import { useRest } from '../../backend/rest.ts'
import type { KnownVisitor } from '../../backend/visitors.ts'
import { useInbox } from './store.ts'

/** What applications told of a visitor: asked when it is looked at, and again when the connection is back. The live connection does not have it. */
export function useTold(of: () => { site: string; id: string | undefined }) {
  const rest = useRest()
  const inbox = useInbox()
  const told = shallowRef<KnownVisitor['told']>()
  const failed = ref(false)
  let asking = 0

  async function ask(site: string, id: string | undefined): Promise<void> {
    const turn = ++asking
    if (!id) return void (told.value = undefined)
    const got = await rest.visitor(site, id).catch(() => undefined)
    if (turn !== asking) return
    failed.value = !got
    if (got) told.value = got.told
  }

  // Each a source of its own: an array made by one would be new at every redraw, and ask anew.
  watch([() => of().site, () => of().id, () => inbox.connection.state === 'live'], ([site, id, live]) => { if (live) void ask(site, id) }, { immediate: true })
  return { told, failed }
}
