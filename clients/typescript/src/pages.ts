import type { Calls, components } from './api.gen.js'
import type { Asked, CallOptions } from './call.js'

type Schemas = components['schemas']

interface Page<T> {
  items: readonly T[]
  /** The cursor of the next page; absent on the last one. */
  next: string | undefined
}

async function* pages<T>(cursor: string | undefined, page: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<T, void, void> {
  for (let at = cursor; ;) {
    const { items, next } = await page(at)
    yield* items
    if (!next || next === at) return
    at = next
  }
}

/** Lists that are read page by page as they are gone through: for await (const one of …). */
export interface Lists {
  /** All conversations of a site that match. */
  conversations(asked: Asked<'listConversations'>, options?: CallOptions): AsyncGenerator<Schemas['Conversation'], void, void>
  /** All events of a conversation that there are now. The position of the last one is the cursor for what comes later. */
  events(asked: Asked<'listEvents'>, options?: CallOptions): AsyncGenerator<Schemas['Event'], void, void>
  /** All rounds of a conversation. */
  rounds(asked: Asked<'listRounds'>, options?: CallOptions): AsyncGenerator<Schemas['PastRound'], void, void>
  /** All visitors of a site who match. */
  visitors(asked: Asked<'listVisitors'>, options?: CallOptions): AsyncGenerator<Schemas['Visitor'], void, void>
}

export function lists(calls: Calls): Lists {
  return {
    conversations: (asked, options) => pages(asked.cursor, async cursor => {
      const { conversations: items, next } = await calls.listConversations({ ...asked, cursor }, options)
      return { items, next }
    }),
    events: (asked, options) => pages(asked.cursor, async cursor => {
      const { events: items, next, more } = await calls.listEvents({ ...asked, cursor }, options)
      return { items, next: more ? next : undefined } // next is there all the same, for what comes later
    }),
    rounds: (asked, options) => pages(asked.cursor, async cursor => {
      const { rounds: items, next } = await calls.listRounds({ ...asked, cursor }, options)
      return { items, next }
    }),
    visitors: (asked, options) => pages(asked.cursor, async cursor => {
      const { visitors: items, next } = await calls.listVisitors({ ...asked, cursor }, options)
      return { items, next }
    }),
  }
}
