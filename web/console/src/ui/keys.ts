import { onScopeDispose } from 'vue'
import { preferences } from './preferences.ts'

/** Names of keys as KeyboardEvent.key gives them, letters in lower case; "g c" is G, then C. */
export type Bindings = Readonly<Record<string, (event: KeyboardEvent) => void>>

const layers: Bindings[] = []
const pause = 1000 // between the two keys of a sequence, ms

let pending = ''
let pendingAt = 0

/** Whether keys belong to what has the focus. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)
}

function nameOf(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const shift = event.shiftKey && /^[a-z]$/.test(key) ? 'Shift ' : ''
  return (event.ctrlKey || event.metaKey ? 'Ctrl ' : '') + shift + key
}

function find(name: string) {
  for (let i = layers.length - 1; i >= 0; i--) {
    const act = layers[i]?.[name]
    if (act) return act
  }
  return undefined
}

/** Runs what a key is bound to. Single keys rest while a field has the focus, a dialog or menu is open, or an input method composes. */
export function press(event: KeyboardEvent): void {
  if (event.isComposing || event.defaultPrevented || event.altKey) return
  const name = nameOf(event)
  if (!event.ctrlKey && !event.metaKey) {
    if (!preferences.value.singleKeys || isWriting(event.target)) return
    if (document.querySelector('[role="dialog"], [role="menu"]')) return
  }
  const sequence = pending && event.timeStamp - pendingAt < pause ? find(`${pending} ${name}`) : undefined
  const act = sequence ?? find(name)
  pending = sequence ? '' : name
  pendingAt = event.timeStamp
  if (!act) return
  event.preventDefault()
  act(event)
}

/** Binds keys while the component lives; the newest binding of a key wins. */
export function useKeys(bindings: Bindings): void {
  layers.push(bindings)
  onScopeDispose(() => { layers.splice(layers.indexOf(bindings), 1) })
}

/** Listens on the window; call it once, in the root component. */
export function listenToKeys(): void {
  addEventListener('keydown', press)
  onScopeDispose(() => { removeEventListener('keydown', press) })
}
