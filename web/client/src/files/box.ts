/** The keys of the lightbox, the same in every application. */

interface Key {
  readonly key: string
  readonly shiftKey: boolean
  preventDefault(): void
}

/**
 * The arrows step, and Tab goes round within the dialog: in a frame on somebody's page it would leave the frame, and with
 * it the dialog. Escape is the browser's own.
 */
export function boxKey(event: Key, dialog: HTMLElement, step: (by: 1 | -1) => void): void {
  if (event.key === 'ArrowLeft') step(-1)
  if (event.key === 'ArrowRight') step(1)
  if (event.key !== 'Tab') return
  const stops = [...dialog.querySelectorAll<HTMLElement>('a[href], button')]
  const at = stops.indexOf(dialog.ownerDocument.activeElement as HTMLElement)
  event.preventDefault()
  stops.at(event.shiftKey ? (at > 0 ? at - 1 : -1) : (at + 1) % stops.length)?.focus()
}
