import { inject, type InjectionKey } from 'vue'
import type { Role } from './types.ts'

export interface Me {
  id: string
  name: string
  email: string
  owner: boolean
  sites: { id: string; name: string; role: Role }[]
}

export interface LogIn {
  id: string
  browser: string
  address: string
  created_at: number
  seen_at: number
  current: boolean
}

export interface Member {
  id: string
  name: string
  email: string
  owner: boolean
  active: boolean
  seen_at?: number
  roles: { site: string; role: Role }[]
}

/** What a site sets of the widget's look. */
export interface Look {
  brand: string
  position: 'left' | 'right'
  theme: 'auto' | 'light' | 'dark'
  greeting: string
}

export interface SiteSettings {
  id: string
  name: string
  /** The widget key, as in data-site. */
  key: string
  /** Where the widget may stand: scheme, host and port. */
  origins: string[]
  answer_goal: number
  look: Look
}

export interface FirstStart {
  name: string
  email: string
  password: string
  site: string
  language: string
}

/** Why a request was refused: a code, a sentence, and the field it is about. */
export class Refused extends Error {
  constructor(readonly code: string, text: string, readonly field?: string) {
    super(text)
  }
}

/** The parts of /api/v1 that the console uses. Every call may throw Refused. */
export interface Rest {
  /** Null without a log-in. */
  me(): Promise<Me | null>
  logIn(email: string, password: string): Promise<Me>
  logOut(): Promise<void>
  /** How long a one-use link still works, and for whom it is. */
  link(secret: string): Promise<{ kind: 'setup' | 'password'; email?: string; name?: string; expires_at: number }>
  setUp(secret: string, start: FirstStart): Promise<Me>
  setPassword(secret: string, password: string): Promise<Me>
  saveProfile(profile: { name: string; email: string }): Promise<Me>
  changePassword(old: string, password: string): Promise<void>
  logIns(): Promise<LogIn[]>
  endLogIn(id: string): Promise<void>
  members(): Promise<Member[]>
  /** Makes a person, and the one-use link to hand over by hand. */
  invite(person: { name: string; email: string; roles: Member['roles'] }): Promise<{ member: Member; link: string }>
  saveMember(id: string, change: { roles?: Member['roles']; active?: boolean }): Promise<Member>
  passwordLink(id: string): Promise<string>
  sites(): Promise<SiteSettings[]>
  createSite(site: { name: string }): Promise<SiteSettings>
  saveSite(site: SiteSettings): Promise<SiteSettings>
  renewKey(site: string): Promise<SiteSettings>
}

export const restKey: InjectionKey<Rest> = Symbol('rest')

export function useRest(): Rest {
  const rest = inject(restKey)
  if (!rest) throw new Error('no REST client is provided: app.provide(restKey, …)')
  return rest
}
