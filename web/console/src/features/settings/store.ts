import { ref, shallowRef } from 'vue'
import { defineStore } from 'pinia'
import type { LogIn, Me, Person, Rest, SiteAgent, SiteInfo } from '../../backend/rest.ts'
import type { Role } from '../../backend/types.ts'

/** What the settings pages show, as the server last said it. */
export const useSettings = defineStore('settings', () => {
  const sites = ref<SiteInfo[] | null>(null)
  const people = shallowRef<Person[] | null>(null)
  const logIns = shallowRef<LogIn[] | null>(null)

  /** The sites whose settings this agent may change. */
  async function loadSites(rest: Rest): Promise<void> {
    sites.value = (await rest.sites()).filter(site => site.role === 'admin')
  }

  /** Owners see everybody; an admin sees who works on its sites. */
  async function loadPeople(rest: Rest, me: Me): Promise<void> {
    if (me.owner) {
      people.value = await rest.people()
      return
    }
    const mine = me.sites.filter(site => site.role === 'admin')
    const lists = await Promise.all(mine.map(async ({ id }) => ({ site: id, agents: await rest.agents(id) })))
    people.value = merged(lists)
  }

  async function loadLogIns(rest: Rest): Promise<void> { logIns.value = await rest.logIns() }

  function putSite(site: SiteInfo): void {
    const list = sites.value ?? []
    sites.value = list.some(one => one.id === site.id) ? list.map(one => (one.id === site.id ? site : one)) : [...list, site]
  }

  function putPerson(person: Person): void {
    const list = people.value ?? []
    people.value = list.some(one => one.id === person.id) ? list.map(one => (one.id === person.id ? person : one)) : [...list, person]
  }

  /** Gives a role on a site, or with '' takes it. */
  async function setRole(rest: Rest, person: Person, site: string, role: Role | ''): Promise<void> {
    if (role) await rest.setRole(site, person.id, role)
    else await rest.removeAgent(site, person.id)
    const others = person.roles.filter(one => one.site !== site)
    putPerson({ ...person, roles: role ? [...others, { site, role }] : others })
  }

  /** Nobody is logged in: nothing of the last agent stays. */
  function reset(): void {
    sites.value = people.value = logIns.value = null
  }

  return { sites, people, logIns, loadSites, loadPeople, loadLogIns, putSite, putPerson, setRole, reset }
})

/** One person for each agent of several sites. */
export function merged(lists: readonly { site: string; agents: readonly SiteAgent[] }[]): Person[] {
  const all = new Map<string, Person>()
  for (const { site, agents } of lists) {
    for (const { id, name, role, owner = false, email = '', last_seen_at, portrait } of agents) {
      const person = all.get(id) ?? { id, name, email, owner, disabled: false, has_password: true, roles: [], ...(last_seen_at && { last_seen_at }), ...(portrait && { portrait }) }
      all.set(id, { ...person, roles: [...person.roles, { site, role }] })
    }
  }
  return [...all.values()].sort((a, b) => a.name.localeCompare(b.name))
}
