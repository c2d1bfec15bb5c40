import { ref } from 'vue'
import { defineStore } from 'pinia'
import type { LogIn, Member, Rest, SiteSettings } from '../../backend/rest.ts'

/** What the settings pages show, as the server last said it. */
export const useSettings = defineStore('settings', () => {
  const sites = ref<SiteSettings[] | null>(null)
  const members = ref<Member[] | null>(null)
  const logIns = ref<LogIn[] | null>(null)

  async function loadSites(rest: Rest): Promise<void> { sites.value = await rest.sites() }
  async function loadMembers(rest: Rest): Promise<void> { members.value = await rest.members() }
  async function loadLogIns(rest: Rest): Promise<void> { logIns.value = await rest.logIns() }

  function putSite(site: SiteSettings): void {
    const others = (sites.value ?? []).filter(one => one.id !== site.id)
    sites.value = [...others, site].sort((a, b) => a.name.localeCompare(b.name))
  }

  function putMember(member: Member): void {
    const list = members.value ?? []
    members.value = list.some(one => one.id === member.id) ? list.map(one => (one.id === member.id ? member : one)) : [...list, member]
  }

  return { sites, members, logIns, loadSites, loadMembers, loadLogIns, putSite, putMember }
})
