/** Kefu.identify and Kefu.logout: a chunk of its own, loaded with the first of them, or when the server wants to know who a visitor is. */
import type { Readable } from '@client/cell.ts'
import { askLogIn, askWidget } from '@client/identity-door.ts'
import { Identity } from '@client/identity.ts'
import type { VisitorClient } from '@client/visitor.ts'
import type { Lang } from '@words/words.ts'
import type { nameOf as namesOf, newSecret as makesSecret } from '@client/ids.ts'
import type { ToIdentity, ToPage } from '../bridge.ts'
import { GateView } from './gate.ts'

export interface Door {
  client: VisitorClient
  lang: Readable<Lang>
  opened: Readable<boolean>
  /** Tells the website's page; absent on the page of its own, which nobody identifies. */
  post?: (message: ToPage) => void
}

/** Hears what the page says; without a message: the connection does not come back by itself. */
export type Part = (message?: ToIdentity) => void

/** How long the page may take to bring a token, in ms. */
const askLimit = 15_000

export function open({ client, lang, opened, post }: Door, nameOf: typeof namesOf, newSecret: typeof makesSecret): Part {
  const { site } = client.options
  const tell = (message: ToPage) => post?.(message)
  let heard: (token?: string) => void = () => {}
  /** While it is not known whose it is, the head and the button say nothing of a conversation either. */
  let hidden = false
  const hide = () => {
    const { conversation, ...state } = client.state.get()
    if (hidden && (conversation || state.unread)) client.cell.set({ ...state, unread: 0 })
  }
  client.state.subscribe(hide)
  const view = new GateView({ lang, opened, alone: !post, again: () => void identity.again(), anew: () => void identity.anew() })
  const identity: Identity = new Identity({
    client, nameOf, newSecret,
    request: init => askLogIn(site, init),
    ask: () => !post ? Promise.resolve(undefined) : new Promise(done => {
      client.world.timer(askLimit, () => done(undefined))
      heard = done
      tell({ t: 'event', name: 'ask' })
    }),
    start: () => {
      client.say(document.visibilityState === 'hidden' ? 'away' : 'online') // who rested is away
      client.start()
    },
    failed: code => tell({ t: 'event', name: 'error', detail: { code } }),
    show: gate => {
      hidden = gate !== undefined
      hide()
      view.show(gate)
      if (gate && !client.state.get().site) void dress(client)
    },
    sure: unsent => {
      tell({ t: 'close', on: true })
      return view.sure(unsent)
    },
    restart: samePerson => {
      if (client.state.get().unread) tell({ t: 'event', name: 'unread', detail: 0 })
      history.replaceState(samePerson && client.said ? client.said : null, '')
      location.reload()
    },
  })
  return message => {
    if (!message) void identity.stopped()
    else if (message.t === 'identify') void identity.identify(message.who == null ? undefined : String(message.who))
    else if (message.t === 'token') heard(typeof message.token === 'string' ? message.token : undefined)
    else {
      heard() // who logs out does not wait for a token
      void identity.logout().then(detail => tell({ t: 'event', name: 'out', detail }))
    }
  }
}

/** A visitor whom the server has turned away was told nothing of the site: its name and look are everybody's to know. */
async function dress(client: VisitorClient): Promise<void> {
  const { name, look } = await askWidget(client.options.site)
  client.cell.update(state => (state.site || !name ? state : { ...state, agentsHere: 'online', site: { id: '', name, ...(look && { look }) } }))
}
