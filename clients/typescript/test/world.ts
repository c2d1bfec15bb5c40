/** A running server with a site; test/world of the repository starts it, and has its visitors. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { randomUUID } from 'node:crypto'
import { createClient, type Client, type ClientOptions } from '../src/index.js'

export interface Place { conversation: string, seq: number }

interface Told { Address: string, Control: string, Site: string, Key: string, KeyID: string, Agent: string }

const root = fileURLToPath(new URL('../../../../', import.meta.url))

export class World {
  readonly #run = randomUUID()

  private constructor(readonly told: Told, readonly end: () => Promise<void>) {}

  static async start(): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'kefu-client-'))
    const program = join(folder, 'world')
    execFileSync('go', ['build', '-o', program, './test/world'], { cwd: root, stdio: 'inherit' })
    const child = spawn(program, ['-kefu', process.env.KEFU_PROGRAM ?? join(root, 'bin', 'kefu')], { stdio: ['pipe', 'pipe', 'inherit'] })
    const gone = new Promise<number | null>(done => child.once('exit', done))
    const line = await new Promise<string>((done, failed) => {
      createInterface(child.stdout).once('line', done)
      void gone.then(code => { failed(new Error(`test/world ended with ${code}`)) })
    })
    return new World(JSON.parse(line) as Told, async () => {
      child.stdin.end()
      const code = await gone
      rmSync(folder, { recursive: true, force: true })
      if (code !== 0) throw new Error(`test/world ended with ${code}`)
    })
  }

  client(change: Partial<ClientOptions> = {}): Client {
    return createClient({ address: this.told.Address, key: this.told.Key, ...change })
  }

  /** Has a visitor, who comes if need be, write. */
  says(visitor: string, text: string): Promise<Place> {
    return this.#ask('/say', { visitor: visitor + this.#run, text })
  }

  /** The texts of agents and bots that a visitor has heard, when there are so many. */
  heard(visitor: string, count: number): Promise<string[]> {
    return this.#ask('/heard', { visitor: visitor + this.#run, count })
  }

  /** Does what an admin may, in the owner's name. */
  admin<T>(method: string, path: string, body: unknown): Promise<T> {
    return this.#ask('/admin', { method, path, body })
  }

  async #ask<T>(path: string, body: unknown): Promise<T> {
    const answer = await fetch(this.told.Control + path, { method: 'POST', body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
    return await answer.json() as T
  }
}
