import { ref, shallowRef, watch } from 'vue'
import { useRest } from '../../../backend/rest.ts'
import type { DeliveryPage, WebhookDelivery } from '../../../backend/integration.ts'
import { useRequest } from '../../../ui/refusal.ts'
import { joined, older } from './rules.ts'

const limit = 50

/** A webhook's log, page by page. What has been sent again is looked at in its page until it has changed. */
export function useLog(which: () => { site: string; id: string; failed: boolean }) {
  const rest = useRest()
  const rows = shallowRef<readonly WebhookDelivery[] | null>(null)
  const next = ref<string>()
  const { busy, refusal, run } = useRequest()
  /** The cursors of the pages that were got, and what was sent again with the number of its tries then. */
  let cursors: (string | undefined)[] = [undefined]
  const sent = new Map<string, number>()

  const page = (cursor?: string): Promise<DeliveryPage> => {
    const { site, id, failed } = which()
    return rest.deliveries(site, id, { limit, cursor, failed })
  }
  const here = () => JSON.stringify(which())

  function anew(first: DeliveryPage): void {
    rows.value = first.deliveries
    next.value = first.next
    cursors = [undefined]
  }

  async function load(): Promise<void> {
    const on = here()
    await run(async () => {
      const first = await page()
      if (on === here()) anew(first)
    })
    await caughtUp(on)
  }

  async function more(): Promise<void> {
    const on = here()
    const cursor = next.value
    if (!cursor) return
    await run(async () => {
      const found = await page(cursor)
      if (on !== here()) return
      rows.value = joined(rows.value ?? [], found, cursor)
      next.value = found.next
      cursors = [...cursors, cursor]
    })
    await caughtUp(on)
  }

  /** What was asked for while something else was under way was not asked then. */
  async function caughtUp(on: string): Promise<void> {
    if (on !== here()) await load()
  }

  /** The newest page as it is now, and those with what was sent again. */
  async function look(): Promise<void> {
    if (!rows.value || busy.value) return
    const on = here()
    const again = new Set([...sent.keys()].map(id => cursors.findLast(cursor => !cursor || older(id, cursor))))
    for (const cursor of new Set([undefined, ...again])) {
      const found = await page(cursor)
      if (on !== here() || busy.value) return
      const newest = rows.value[0]?.id
      const last = found.deliveries.at(-1)?.id
      if (!cursor && (!newest || (found.next && last && older(newest, last)))) anew(found) // there is more between than a page
      else rows.value = joined(rows.value, found, cursor)
    }
    for (const [id, tries] of sent) if (rows.value.find(one => one.id === id)?.tries !== tries) sent.delete(id)
  }

  watch(here, () => { rows.value = null; sent.clear(); void load() }, { immediate: true })

  return { rows, next, busy, refusal, load, more, look, again: ({ id, tries }: WebhookDelivery) => { sent.set(id, tries) } }
}
