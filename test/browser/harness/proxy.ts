/** A network between the browser and the server that can fail: Chromium's own "offline" leaves WebSockets alone. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/**
 * whole: bytes pass. deaf: what the server says is lost, what the browser says arrives. stalled: nothing passes, and nobody
 * is told. cut: connections break, and new ones are refused.
 */
export type Network = 'whole' | 'deaf' | 'stalled' | 'cut'

/** What becomes of WebSockets: refused, with 403, or mute: they open, and no frame comes through. */
export type Upgrades = 'free' | 'refused' | 'mute'

const upgrade = /\r\nupgrade: *websocket/i

export class Proxy {
  /** How many WebSockets came through. */
  upgraded = 0
  upgrades: Upgrades = 'free'
  private state: Network = 'whole'
  private readonly pairs = new Set<readonly [Socket, Socket]>()

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(target: number): Promise<Proxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new Proxy(server, (server.address() as AddressInfo).port)
    server.on('connection', browser => { proxy.accept(browser, target) })
    return proxy
  }

  get origin(): string {
    return `http://localhost:${this.port}`
  }

  set(state: Network): void {
    this.state = state
    if (state === 'cut') this.breakAll()
  }

  async stop(): Promise<void> {
    this.breakAll()
    this.server.close()
    await once(this.server, 'close')
  }

  private accept(browser: Socket, target: number): void {
    if (this.state === 'cut') return void browser.resetAndDestroy()
    const server = connect(target, '127.0.0.1')
    const pair = [browser, server] as const
    this.pairs.add(pair)
    const end = () => {
      this.pairs.delete(pair)
      browser.destroy()
      server.destroy()
    }
    for (const socket of pair) socket.setNoDelay(true).on('error', end).on('close', end)
    // What was lost stays lost: once a connection has lost bytes it carries no more of them, as TCP would not.
    const lost = { up: false, down: false }
    browser.once('data', bytes => {
      if (!upgrade.test(bytes.toString('latin1'))) return
      if (this.upgrades === 'free') this.upgraded++
      if (this.upgrades === 'refused') browser.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      if (this.upgrades === 'refused') lost.up = lost.down = true
      if (this.upgrades === 'mute') server.once('data', () => (lost.up = lost.down = true))
    })
    browser.on('data', bytes => {
      lost.up ||= this.state === 'stalled'
      if (!lost.up) server.write(bytes)
    })
    server.on('data', bytes => {
      lost.down ||= this.state === 'stalled' || this.state === 'deaf'
      if (!lost.down) browser.write(bytes)
    })
  }

  private breakAll(): void {
    for (const [browser, server] of this.pairs) {
      browser.resetAndDestroy()
      server.resetAndDestroy()
    }
    this.pairs.clear()
  }
}
