/** The console before web/client is joined to it: nobody is logged in, and every request is refused with that reason. */
import { Refused, type Rest } from './rest.ts'
import type { Live } from './live.ts'

const refuse = () => Promise.reject(new Refused('unconnected', 'This build of the console has no connection to a server yet.'))

export const unconnectedRest: Rest = {
  me: () => Promise.resolve(null),
  logIn: refuse, logOut: refuse, link: refuse, setUp: refuse, setPassword: refuse, saveProfile: refuse, changePassword: refuse,
  logIns: refuse, endLogIn: refuse, members: refuse, invite: refuse, saveMember: refuse, passwordLink: refuse,
  sites: refuse, createSite: refuse, saveSite: refuse, renewKey: refuse,
}

const nothing = () => undefined

export const unconnectedLive: Live = {
  watch: nothing, more: nothing, open: nothing, close: nothing, older: nothing, send: nothing, note: nothing, resend: nothing,
  discard: nothing, take: nothing, assign: nothing, release: nothing, resolve: nothing, read: nothing, typing: nothing,
  presence: nothing, watchVisitors: nothing, reconnect: nothing,
}
