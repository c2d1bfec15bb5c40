import { nextTick } from 'vue'

/** What was pressed is gone, and the page has the focus: it goes to what stands there instead. */
export async function keepFocus(next: () => HTMLElement | null | undefined): Promise<void> {
  await nextTick()
  if (document.activeElement === document.body) next()?.focus({ preventScroll: true })
}
