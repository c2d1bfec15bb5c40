/**
 * A tab without Playwright, which keeps every page visible and awake: here a tab goes to the background, is frozen, and
 * comes back, as the browser does it to save memory.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumPath, flags } from './browser.ts'

const patience = 15_000 // ms

interface Answer {
  id?: number
  result?: Record<string, unknown>
  error?: { message: string }
}

export class PlainBrowser {
  private asked = 0
  private readonly answers = new Map<number, (answer: Answer) => void>()

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly socket: WebSocket,
  ) {
    socket.onmessage = message => {
      const answer = JSON.parse(String(message.data)) as Answer
      if (answer.id !== undefined) this.answers.get(answer.id)?.(answer)
    }
  }

  static async start(): Promise<PlainBrowser> {
    const folder = await mkdtemp(join(tmpdir(), 'kefu-chromium-'))
    const child = spawn(chromiumPath, ['--headless', ...flags, '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    const address = await new Promise<string>((found, failed) => {
      child.once('exit', () => { failed(new Error(`chromium ended: ${said}`)) })
      child.stderr.on('data', chunk => {
        said += String(chunk)
        const url = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
        if (url) found(url)
      })
    })
    const socket = new WebSocket(address)
    await new Promise((open, failed) => {
      socket.onopen = open
      socket.onerror = failed
    })
    return new PlainBrowser(child, folder, socket)
  }

  async open(url: string): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    await this.send('Page.navigate', { url }, String(sessionId))
    return new Tab(this, String(targetId), String(sessionId))
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.asked
    return new Promise((done, failed) => {
      const late = setTimeout(() => { failed(new Error(`${method}: no answer within ${patience} ms`)) }, patience)
      this.answers.set(id, ({ result, error }) => {
        clearTimeout(late)
        this.answers.delete(id)
        if (error) failed(new Error(`${method}: ${error.message}`))
        else done(result ?? {})
      })
      this.socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }))
    })
  }

  async stop(): Promise<void> {
    const gone = once(this.child, 'exit')
    await this.send('Browser.close')
    await gone
    // Its helper processes write a moment longer.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}

export class Tab {
  constructor(
    private readonly browser: PlainBrowser,
    private readonly target: string,
    private readonly session: string,
  ) {}

  /** Runs an expression in the page, and waits for the promise that it may be. */
  async run<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.browser.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, this.session)
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }

  /** Waits in the page until an expression is true. */
  async until(expression: string): Promise<void> {
    await this.run(`new Promise((yes, no) => {
      const look = () => { if (${expression}) { watch.disconnect(); document.removeEventListener('visibilitychange', look); clearTimeout(late); yes() } }
      const watch = new MutationObserver(look)
      const late = setTimeout(() => no(new Error('not within ${patience} ms: ' + document.body.innerText)), ${patience})
      watch.observe(document, { subtree: true, childList: true, characterData: true, attributes: true })
      document.addEventListener('visibilitychange', look)
      look()
    })`)
  }

  async type(text: string): Promise<void> {
    await this.browser.send('Input.insertText', { text }, this.session)
    for (const type of ['keyDown', 'keyUp']) await this.browser.send('Input.dispatchKeyEvent', { type, key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' }, this.session)
  }

  /** Brings it before the other tabs. */
  async show(): Promise<void> {
    await this.browser.send('Target.activateTarget', { targetId: this.target })
  }

  async freeze(on: boolean): Promise<void> {
    await this.browser.send('Page.setWebLifecycleState', { state: on ? 'frozen' : 'active' }, this.session)
  }
}
