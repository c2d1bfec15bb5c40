/** The way to what has to do with who a visitor is (./identity): its code comes where a page or the server asks for it. */
import { browserWorld } from '@client/browser.ts'
import { nameOf, newSecret } from '@client/ids.ts'
import { insist } from '@client/world.ts'
// Nothing of it may be imported here but its type: else it would become part of the frame.
import type { ToIdentity } from './bridge.ts'
import type { Door, Part } from './identity/part.ts'

/** Hands messages on to the part once it is here, and tells it by itself when the connection does not come back. */
export function identityOf(door: Door): (message?: ToIdentity) => void {
  let coming: Promise<Part> | undefined
  const hand = (message?: ToIdentity) => void (coming ??= insist(browserWorld, () => import('./identity/part.ts')).then(({ open }) => open(door, nameOf, newSecret))).then(part => part(message))
  door.client.connection.subscribe(({ phase }) => phase === 'stopped' && hand())
  return hand
}
