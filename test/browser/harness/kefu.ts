/** A real server in a process of its own, over a data folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'

const startLimit = 20_000 // ms

export class Kefu {
  private child: ChildProcess | undefined
  private printed = ''
  private logged = ''
  /** Chosen by the first start, kept by later ones. */
  port = 0

  private constructor(
    private readonly data: string,
    private readonly env: Record<string, string>,
  ) {}

  /** Starts on a free port; env holds settings such as KEFU_LIMITS_MESSAGE_BURST. */
  static async start(env: Record<string, string> = {}): Promise<Kefu> {
    const kefu = new Kefu(await mkdtemp(join(tmpdir(), 'kefu-browser-')), env)
    await kefu.begin()
    return kefu
  }

  /** Where a browser on this machine finds it. */
  get origin(): string {
    return `http://localhost:${this.port}`
  }

  /** What the start printed: the link that makes the owner. */
  get setupLink(): string {
    const link = /Set it up\s+(\S+)/.exec(this.printed)?.[1]
    if (!link) throw new Error(`the start printed no set-up link:\n${this.printed}`)
    return link
  }

  /** Starts it again where it was, with its data. */
  async begin(): Promise<void> {
    this.printed = ''
    const child = spawn(inject('binary'), ['serve', '--listen', `127.0.0.1:${this.port}`, '--data', this.data], {
      env: { ...withoutSettings(process.env), ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    child.stderr.on('data', chunk => { this.logged = (this.logged + String(chunk)).slice(-20_000) })
    await new Promise<void>((ready, failed) => {
      const why = (what: string) => { failed(new Error(`kefu serve ${what}\n${this.printed}${this.logged}`)) }
      const late = setTimeout(() => { why('did not say that it is ready') }, startLimit)
      child.once('error', error => { why(error.message) })
      child.once('exit', code => { why(`ended with ${code}`) })
      child.stdout.on('data', chunk => {
        this.printed += String(chunk)
        const port = /Console\s+http:\/\/localhost:(\d+)\//.exec(this.printed)?.[1]
        if (!port || !this.printed.endsWith('\n\n')) return
        clearTimeout(late)
        this.port = Number(port)
        ready()
      })
    })
  }

  /** Ends it and waits until it has gone; its data stays. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.child
    this.child = undefined
    if (!child || child.exitCode !== null) return
    const gone = new Promise(done => child.once('exit', done))
    child.kill(signal)
    await gone
  }

  async stop(): Promise<void> {
    await this.end()
    await rm(this.data, { recursive: true, force: true })
  }
}

/** Variables of this run that the server would take for its settings. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('KEFU_')))
}
