import { attempt, memoryShelf, type Shelf } from '@client/world.ts'

/**
 * A shelf that is kept twice: in the frame's own storage, where the browser lets it, and by the website's page. Where the
 * frame's storage is blocked or was emptied, what the page kept is what we start from.
 */
export function mirroredShelf(own: Shelf | undefined, page: Readonly<Record<string, string>>, tell: (key: string, value: string | null) => void): Shelf {
  const shelf = own ?? memoryShelf()
  const empty = shelf.keys().length === 0
  // One that is full: the page still has it.
  for (const [key, value] of Object.entries(page)) if (empty && key !== 'face') attempt(() => shelf.set(key, value))
  for (const key of shelf.keys()) if (page[key] !== shelf.get(key)) tell(key, shelf.get(key))
  return {
    keys: () => shelf.keys(),
    get: key => shelf.get(key),
    set: (key, value) => {
      tell(key, value)
      shelf.set(key, value)
    },
    remove: key => {
      tell(key, null)
      shelf.remove(key)
    },
  }
}
