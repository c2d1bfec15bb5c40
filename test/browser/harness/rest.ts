/** The REST interface, as a logged-in agent without a browser uses it. */
import type { Kefu } from './kefu.ts'

export interface Site {
  id: string
  name: string
  key: string
  version: number
  settings: { origins: string[]; look: Record<string, string>; answer_goal_seconds: number; one_connection: boolean }
}

export type Role = 'agent' | 'supervisor' | 'admin'

export const password = 'correct horse battery staple'

export class Account {
  private constructor(
    private readonly kefu: Kefu,
    readonly id: string,
    readonly name: string,
    readonly email: string,
    /** The value of the log-in's cookie. */
    readonly token: string,
  ) {}

  /** Makes the owner and the first site by the link that the start printed. */
  static async setUp(kefu: Kefu, name: string, site: string): Promise<Account> {
    const secret = kefu.setupLink.split('#')[1]
    return Account.enter(kefu, '/setup', { secret, name, email: mail(name), password, site })
  }

  private static async enter(kefu: Kefu, path: string, body: object): Promise<Account> {
    const answer = await ask(kefu, 'POST', path, body)
    const token = /^kefu=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1]
    const me = (await answer.json()) as { id: string; name: string; email: string }
    if (!token) throw new Error(`${path} set no cookie`)
    return new Account(kefu, me.id, me.name, me.email, token)
  }

  /** Invites a person to a site, who chooses a password by the link. */
  async invite(name: string, site: Site, role: Role): Promise<Account> {
    const invited = await this.call<{ link: { url: string } }>('POST', '/people', { name, email: mail(name), roles: [{ site: site.id, role }] })
    return Account.enter(this.kefu, '/link/password', { secret: invited.link.url.split('#')[1], password })
  }

  /** The link that an invitation prints, unused. */
  async inviteLink(name: string, site: Site, role: Role): Promise<string> {
    const invited = await this.call<{ link: { url: string } }>('POST', '/people', { name, email: mail(name), roles: [{ site: site.id, role }] })
    return invited.link.url
  }

  async site(): Promise<Site> {
    const { sites } = await this.call<{ sites: Site[] }>('GET', '/sites')
    const [first] = sites
    if (!first) throw new Error('there is no site')
    return first
  }

  /** Lets the widget stand on these origins. */
  async allow(...origins: string[]): Promise<void> {
    await this.settings(settings => ({ ...settings, origins }))
  }

  /** Changes the first site's settings. */
  async settings(change: (settings: Site['settings']) => Site['settings']): Promise<void> {
    const { id, version, settings } = await this.site()
    await this.call('PATCH', `/sites/${id}`, { version, settings: change(settings) })
  }

  /** Ends all of this account's log-ins but the one it uses itself. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await ask(this.kefu, method, path, body, this.token)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }
}

const mail = (name: string) => `${name.toLowerCase().replace(/\W+/g, '.')}@shop.example`

async function ask(kefu: Kefu, method: string, path: string, body?: object, token?: string): Promise<Response> {
  const answer = await fetch(`${kefu.origin}/api/v1${path}`, {
    method,
    headers: { origin: kefu.origin, 'content-type': 'application/json', ...(token && { cookie: `kefu=${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer
}
