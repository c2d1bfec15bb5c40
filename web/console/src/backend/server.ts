import { download } from '@client/download.ts'
import { RestRefused, type RestClient } from '@client/index.ts'
import type { Broadcast, BroadcastCount } from './broadcasts.ts'
import { integrationRest } from './integration.ts'
import type { ApiKey, LogIn, Me, OneUseLink, Person, Rest, SiteAgent, SiteInfo, Snippet, LinkInfo } from './rest.ts'
import type { Erasure, KnownVisitor } from './visitors.ts'

type Http = Pick<RestClient, 'get' | 'post' | 'put' | 'patch' | 'delete'>

const path = (...parts: string[]) => '/' + parts.map(encodeURIComponent).join('/')

/**
 * The console's requests, to the server that the page came from. `ended` is called whenever the server says that this
 * browser is not logged in (any longer), but not where that is the question.
 */
export function serverRest(http: Http, ended: () => void): Rest {
  async function call<T>(request: Promise<T>): Promise<T> {
    try {
      return await request
    } catch (why) {
      if (why instanceof RestRefused && why.code === 'not_logged_in') ended()
      throw why
    }
  }

  return {
    ...integrationRest(http, path, call),
    me: () => http.get<Me>('/me').catch((why: unknown) => {
      if (why instanceof RestRefused && why.status === 401) return null
      throw why
    }),
    setUpNeeded: async () => (await http.get<{ needed: boolean }>('/setup')).needed,
    logIn: (email, password) => http.post<Me>('/log-in', { email, password }),
    logOut: () => http.post<void>('/log-out'),
    link: secret => http.post<LinkInfo>('/link', { secret }),
    setUp: (secret, start) => http.post<Me>('/setup', { secret, ...start }),
    useLink: (secret, password) => http.post<Me>('/link/password', { secret, password }),
    changeMe: profile => call(http.patch<Me>('/me', profile)),
    putPortrait: picture => call(http.put<Me>('/me/portrait', picture)),
    removePortrait: () => call(http.delete<Me>('/me/portrait')),
    removePortraitOf: id => call(http.delete<Person>(path('people', id, 'portrait'))),
    changePassword: (old, password) => call(http.post<void>('/me/password', { old_password: old, new_password: password })),
    logIns: async () => (await call(http.get<{ log_ins: LogIn[] }>('/me/log-ins'))).log_ins,
    revokeLogIn: id => call(http.delete(path('me', 'log-ins', id))),
    revokeOtherLogIns: () => call(http.delete('/me/log-ins')),
    people: async () => (await call(http.get<{ people: Person[] }>('/people'))).people,
    invite: person => call(http.post<{ person: Person; link: OneUseLink }>('/people', person)),
    changePerson: (id, change) => call(http.patch<Person>(path('people', id), change)),
    makeLink: id => call(http.post<OneUseLink>(path('people', id, 'link'))),
    revokeLogInsOf: id => call(http.delete(path('people', id, 'log-ins'))),
    agents: async site => (await call(http.get<{ agents: SiteAgent[] }>(path('sites', site, 'agents')))).agents,
    addAgent: (site, email, role) => call(http.post<SiteAgent>(path('sites', site, 'agents'), { email, role })),
    setRole: (site, agent, role) => call(http.put<SiteAgent>(path('sites', site, 'agents', agent), { role })),
    removeAgent: (site, agent) => call(http.delete(path('sites', site, 'agents', agent))),
    sites: async () => (await call(http.get<{ sites: SiteInfo[] }>('/sites'))).sites,
    makeSite: name => call(http.post<SiteInfo>('/sites', { name })),
    changeSite: ({ id, version, name, settings }) => call(http.patch<SiteInfo>(path('sites', id), { version, name, settings })),
    putLogo: (site, picture) => call(http.put<SiteInfo>(path('sites', site, 'logo'), picture)),
    removeLogo: site => call(http.delete<SiteInfo>(path('sites', site, 'logo'))),
    rotateKey: (site, version) => call(http.post<SiteInfo>(path('sites', site, 'key'), { version })),
    snippet: site => call(http.get<Snippet>(path('sites', site, 'snippet'))),
    apiKeys: async site => (await call(http.get<{ keys: ApiKey[] }>(path('sites', site, 'api-keys')))).keys,
    makeApiKey: (site, name, scopes) => call(http.post<{ key: ApiKey; secret: string }>(path('sites', site, 'api-keys'), { name, scopes })),
    revokeApiKey: (site, id) => call(http.delete(path('sites', site, 'api-keys', id))),
    broadcasts: async (site, limit, before) => (await call(http.get<{ broadcasts: Broadcast[] }>(path('sites', site, 'broadcasts'), { limit, before }))).broadcasts,
    broadcast: (site, id) => call(http.get<Broadcast>(path('sites', site, 'broadcasts', id))),
    makeBroadcast: (site, content) => call(http.post<Broadcast>(path('sites', site, 'broadcasts'), content)),
    changeBroadcast: (site, id, version, content) => call(http.put<Broadcast>(path('sites', site, 'broadcasts', id), { version, content })),
    deleteBroadcast: (site, id, version) => call(http.delete(`${path('sites', site, 'broadcasts', id)}?version=${version}`)),
    publishBroadcast: (site, id, version) => call(http.post<Broadcast>(path('sites', site, 'broadcasts', id, 'publish'), { version })),
    scheduleBroadcast: (site, id, version, at) => call(http.post<Broadcast>(path('sites', site, 'broadcasts', id, 'schedule'), { version, at })),
    withdrawBroadcast: (site, id, version) => call(http.post<Broadcast>(path('sites', site, 'broadcasts', id, 'withdraw'), { version })),
    visitor: (site, id) => call(http.get<KnownVisitor>(path('sites', site, 'visitors', id))),
    eraseVisitor: (site, id) => call(http.delete<Erasure>(path('sites', site, 'visitors', id))),
    exportVisitor: (site, id, { notes, language }, came, signal) =>
      call(download(`/api/v1${path('sites', site, 'visitors', id, 'export')}?notes=${notes}&language=${language}`, came, signal)),
    countBroadcast: (site, of) => call(http.post<BroadcastCount>(path('sites', site, 'broadcasts', 'count'), 'audience' in of ? of : { broadcast: of.broadcast })),
  }
}
