import { Refused, type LogIn, type Me, type Member, type Rest, type SiteSettings } from '../src/backend/rest.ts'
import { lang } from '../src/ui/language.ts'

const gates = ['/login', '/link', '/setup']

/** Settings and log-in over made-up data. "wrong" as a password is refused. */
export function makeFixtureRest(path: string): Rest {
  const zh = lang.value === 'zh-CN'
  const self: Me = { id: '1', name: zh ? '林晓' : 'Lin Xiao', email: 'lin@hillside.example', owner: true, sites: [{ id: '1', name: 'Hillside Teaware', role: 'admin' }] }
  const site = (id: string, name: string, brand: string): SiteSettings => ({
    id, name, key: `st_8fK2mQ${id}`, origins: ['https://hillside.example'], answer_goal: 240,
    look: { brand, position: 'right', theme: 'auto', greeting: zh ? '您好，有什么可以帮您？' : 'Hello! What can we do for you?' },
  })
  let sites = [site('1', zh ? '山间茶器' : 'Hillside Teaware', '#2a4fd6'), site('2', zh ? '灯笼咖啡' : 'Lantern Coffee', '#b42318')]
  let members: Member[] = [
    { id: '1', name: self.name, email: self.email, owner: true, active: true, seen_at: Date.now(), roles: [{ site: '1', role: 'admin' }, { site: '2', role: 'admin' }] },
    { id: '3', name: zh ? '吴敏' : 'Wu Min', email: 'min@hillside.example', owner: false, active: true, seen_at: Date.now() - 3_600_000, roles: [{ site: '1', role: 'supervisor' }] },
    { id: '2', name: zh ? '陈昊' : 'Chen Hao', email: 'hao@hillside.example', owner: false, active: true, roles: [{ site: '1', role: 'agent' }, { site: '2', role: 'agent' }] },
  ]
  let logIns: LogIn[] = [
    { id: 'a', browser: 'Firefox 145, Linux', address: '192.0.2.7', created_at: 0, seen_at: Date.now(), current: true },
    { id: 'b', browser: 'Safari 20, iPhone', address: '2001:db8::5', created_at: 0, seen_at: Date.now() - 90_000_000, current: false },
  ]
  const ok = <Value>(value: Value) => Promise.resolve(value)
  const wrong = () => Promise.reject(new Refused('bad_login', zh ? '邮箱或密码不正确，请检查后重试。再错 3 次将暂停登录 15 分钟。' : 'E-mail or password is wrong. Check both and try again. After 3 more tries, sign-in pauses for 15 minutes.'))
  const put = (next: SiteSettings) => {
    sites = sites.map(one => (one.id === next.id ? next : one))
    return ok(next)
  }
  return {
    me: () => ok(gates.some(gate => path.startsWith(gate)) ? null : self),
    logIn: (_, password) => (password === 'wrong' ? wrong() : ok(self)),
    logOut: () => ok(undefined),
    link: () => ok({ kind: 'setup' as const, name: self.name, expires_at: Date.now() + 14 * 60_000 }),
    setUp: () => ok(self),
    setPassword: () => ok(self),
    saveProfile: profile => ok({ ...self, ...profile }),
    changePassword: () => ok(undefined),
    logIns: () => ok(logIns),
    endLogIn: id => { logIns = logIns.filter(one => one.id !== id); return ok(undefined) },
    members: () => ok(members),
    invite: person => {
      const member: Member = { id: String(members.length + 2), owner: false, active: true, ...person }
      members = [...members, member]
      return ok({ member, link: 'https://help.hillside.example/console/link#mFJ3c9d0Qk7sVt2XyZ' })
    },
    saveMember: (id, change) => {
      members = members.map(one => (one.id === id ? { ...one, ...change } : one))
      return ok(members.find(one => one.id === id) as Member)
    },
    passwordLink: () => ok('https://help.hillside.example/console/link#mFJ3c9d0Qk7sVt2XyZ'),
    sites: () => ok(sites),
    createSite: ({ name }) => { const made = site(String(sites.length + 1), name, '#2a4fd6'); sites = [...sites, made]; return ok(made) },
    saveSite: put,
    renewKey: id => put({ ...(sites.find(one => one.id === id) as SiteSettings), key: 'st_Qx7Yz9Rn' }),
  }
}
