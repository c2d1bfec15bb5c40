import { inject, type InjectionKey } from 'vue'
import { RestRefused } from '@client/index.ts'
import type { BroadcastRest } from './broadcasts.ts'
import type { IntegrationRest } from './integration.ts'
import type { Role } from './types.ts'
import type { VisitorRest } from './visitors.ts'

/** The shapes of docs/openapi.json that the console uses. */
export interface Me {
  id: string
  name: string
  email: string
  /** The address of the portrait; it changes with the picture. */
  portrait?: string
  /** Makes sites and people, and is admin of every site. */
  owner: boolean
  sites: { id: string; name: string; role: Role }[]
  /** The id of this log-in. */
  log_in: string
}

export interface LogIn {
  id: string
  created_at: number
  /** To the hour. */
  last_used_at: number
  expires_at: number
  address: string
  user_agent: string
  current: boolean
}

/** An agent as owners see it; a site's admin sees of it what concerns the sites that it administers. */
export interface Person {
  id: string
  name: string
  email: string
  portrait?: string
  owner: boolean
  disabled: boolean
  /** False until the invitation has been used. */
  has_password: boolean
  last_seen_at?: number
  roles: { site: string; role: Role }[]
}

/** An agent of a site, as the site's admins see it. */
export interface SiteAgent {
  id: string
  name: string
  role: Role
  portrait?: string
  owner?: boolean
  email?: string
  last_seen_at?: number
}

export interface OneUseLink {
  kind: 'invite' | 'reset'
  url: string
  expires_at: number
}

/** What a site sets of the widget's look. An empty text: the widget's own words. */
export interface Look {
  brand: string
  title?: string
  greeting?: string
  placement: 'left' | 'right'
  language: 'auto' | 'zh-CN' | 'en'
  theme: 'auto' | 'light' | 'dark'
}

export interface SiteSettings {
  /** Where the widget may stand: scheme, host and port. */
  origins: string[]
  look: Look
  answer_goal_seconds: number
  /** A person has one connection at a time: the newest. */
  one_connection: boolean
  /** The content types of files that may be sent, such as application/pdf or image/*. */
  file_types: readonly string[]
  /** A resolved round goes after so many days, and what was written after its end when it is as old; 0: never. */
  retain_days: number
  /** Nobody else may chat than whom the website vouches for. */
  verified_only: boolean
  /** Who logs in takes along the round begun before. */
  carry_over: boolean
}

export interface SiteInfo {
  id: string
  name: string
  /** This agent's role there. */
  role: Role
  /** The widget key, as in data-site. */
  key: string
  settings: SiteSettings
  /** The address of the logo; it changes with the picture. */
  logo?: string
  /** Rises with each change; a change names the version that it saw. */
  version: number
  created_at: number
}

/** What an API key opens. */
export const apiScopes = ['read', 'write', 'people', 'push', 'broadcast', 'legacy'] as const
export type ApiScope = (typeof apiScopes)[number]

/** An application server's right of entry to a site; its secret is told only when it is made. */
export interface ApiKey {
  id: string
  name: string
  scopes: ApiScope[]
  /** By the name it had then. */
  made_by: string
  made_at: number
  /** To the minute; absent: never. */
  last_used_at?: number
}

/** What goes on the website, with the server's public address. */
export interface Snippet {
  origin: string
  script: string
  policy: string
  chat: string
  /** While there is a demo page for this site. */
  demo?: string
}

export interface FirstStart {
  name: string
  email: string
  password: string
  site: string
}

/** For whom a one-use link is; a set-up link is for nobody yet. */
export interface LinkInfo {
  kind: 'setup' | 'invite' | 'reset'
  name?: string
  email?: string
  expires_at: number
}

/** Why a request was refused: a code, a sentence in English, and the field it is about. */
export { RestRefused as Refused }

/** The parts of /api/v1 that the console uses. Every call may throw Refused. */
export interface Rest extends BroadcastRest, IntegrationRest, VisitorRest {
  /** Null without a log-in. */
  me(): Promise<Me | null>
  /** Whether the installation still has to be set up. */
  setUpNeeded(): Promise<boolean>
  logIn(email: string, password: string): Promise<Me>
  logOut(): Promise<void>
  /** What a one-use link is good for; does not use it up. */
  link(secret: string): Promise<LinkInfo>
  setUp(secret: string, start: FirstStart): Promise<Me>
  /** Chooses a password by a one-use link, and logs in. */
  useLink(secret: string, password: string): Promise<Me>
  changeMe(profile: { name?: string; email?: string }): Promise<Me>
  /** Of a JPEG, PNG, GIF or WebP the middle is shown. */
  putPortrait(picture: Blob): Promise<Me>
  removePortrait(): Promise<Me>
  /** For owners: somebody else's. */
  removePortraitOf(id: string): Promise<Person>
  changePassword(old: string, password: string): Promise<void>
  logIns(): Promise<LogIn[]>
  revokeLogIn(id: string): Promise<void>
  revokeOtherLogIns(): Promise<void>
  /** For owners. */
  people(): Promise<Person[]>
  /** Makes a person, and the one-use link to hand over by hand. */
  invite(person: { name: string; email: string; owner?: boolean; roles: Person['roles'] }): Promise<{ person: Person; link: OneUseLink }>
  changePerson(id: string, change: { name?: string; email?: string; owner?: boolean; disabled?: boolean }): Promise<Person>
  makeLink(id: string): Promise<OneUseLink>
  revokeLogInsOf(id: string): Promise<void>
  agents(site: string): Promise<SiteAgent[]>
  /** Lets somebody whom an owner has made work on a site. */
  addAgent(site: string, email: string, role: Role): Promise<SiteAgent>
  setRole(site: string, agent: string, role: Role): Promise<SiteAgent>
  removeAgent(site: string, agent: string): Promise<void>
  sites(): Promise<SiteInfo[]>
  makeSite(name: string): Promise<SiteInfo>
  changeSite(site: Pick<SiteInfo, 'id' | 'version' | 'name' | 'settings'>): Promise<SiteInfo>
  putLogo(site: string, picture: Blob): Promise<SiteInfo>
  removeLogo(site: string): Promise<SiteInfo>
  rotateKey(site: string, version: number): Promise<SiteInfo>
  snippet(site: string): Promise<Snippet>
  /** Those that are valid, newest first. */
  apiKeys(site: string): Promise<ApiKey[]>
  makeApiKey(site: string, name: string, scopes: readonly ApiScope[]): Promise<{ key: ApiKey; secret: string }>
  revokeApiKey(site: string, id: string): Promise<void>
}

export const restKey: InjectionKey<Rest> = Symbol('rest')

export function useRest(): Rest {
  const rest = inject(restKey)
  if (!rest) throw new Error('no REST client is provided: app.provide(restKey, …)')
  return rest
}
