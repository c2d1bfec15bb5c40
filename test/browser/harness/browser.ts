/** Debian's Chromium, and what a test may open in it. */
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'

export const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  // A page that no other covers is not slowed down, as on a screen.
  '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
  // Websites have names of their own; nothing leaves this machine.
  '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1',
]
/** What Chromium itself writes when a page asks who is logged in, and nobody is. */
export const notYet = /status of 401 .*\/api\/v1\/me/

/** What it writes when a server cannot be reached. */
export const cutOff = [/WebSocket connection to .* failed/, /net::ERR_(CONNECTION_|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE)/]

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: chromiumPath, args: flags })

/** A browser with settings of its own, as a person makes them; `preferences` is Chromium's file of that name. */
export async function launchWith(folder: string, preferences: object): Promise<BrowserContext> {
  await mkdir(join(folder, 'Default'), { recursive: true })
  await writeFile(join(folder, 'Default/Preferences'), JSON.stringify(preferences))
  return chromium.launchPersistentContext(folder, { executablePath: chromiumPath, args: flags, locale: 'en-US' })
}

/** Everything that one test opened: looked at when it fails, closed when it ends. */
export class Screen {
  private readonly contexts: BrowserContext[] = []
  private readonly faults: string[] = []
  /** What a page may complain of in its console without failing the test. */
  readonly expected: RegExp[] = []

  constructor(private readonly browser: Browser) {}

  /** One person's browser. */
  async person(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext({ locale: 'en-US', reducedMotion: 'reduce', viewport: { width: 1280, height: 800 }, ...options })
    this.watch(context)
    return context
  }

  /** Looks after a context that was made elsewhere. */
  watch(context: BrowserContext): void {
    this.contexts.push(context)
    context.setDefaultTimeout(15_000)
    context.on('weberror', error => { this.faults.push(String(error.error())) })
    context.on('console', message => {
      if (message.type() === 'error') this.faults.push(`${message.text()} (${message.location().url})`)
    })
  }

  /** Errors in the pages that no test expected: exceptions, blocked by a policy, not found. */
  unexpected(): string[] {
    return this.faults.filter(fault => !this.expected.some(known => known.test(fault)))
  }

  /** Writes a picture and the text of each open page, and returns the folder. */
  async picture(name: string): Promise<string> {
    const folder = join(process.env.KEFU_PICTURES ?? join(tmpdir(), 'kefu-browser-failures'), name.replace(/[^\p{L}\d]+/gu, '-').slice(0, 80))
    await mkdir(folder, { recursive: true })
    const pages = this.contexts.flatMap(context => context.pages())
    await Promise.all(pages.map((page, i) => save(page, join(folder, String(i + 1))).catch(() => undefined)))
    await writeFile(join(folder, 'console.txt'), this.faults.join('\n'))
    return folder
  }

  async close(): Promise<void> {
    await Promise.all(this.contexts.map(context => context.close().catch(() => undefined)))
  }
}

async function save(page: Page, file: string): Promise<void> {
  await page.screenshot({ path: `${file}.png`, timeout: 3_000 })
  const texts = await Promise.all(page.frames().map(async frame => `# ${frame.url()}\n${await frame.locator(':root').ariaSnapshot({ timeout: 1_000 })}`))
  await writeFile(`${file}.txt`, texts.join('\n\n'))
}
