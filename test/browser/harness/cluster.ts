/** Two nodes of one installation, over a PostgreSQL of their own; the nodes are their own bus. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kefu } from './kefu.ts'

/** A port that nobody has, below those that the system gives to outgoing connections: one of these might take it before a server has. */
export async function freePort(): Promise<number> {
  const port = 12_000 + Math.floor(Math.random() * 20_000)
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return freePort()
  }
  server.close()
  await once(server, 'close')
  return port
}

interface Database {
  url: string
  stop(): Promise<void>
}

/** A PostgreSQL that nobody else uses. It does not run as root: Debian's user postgres has it then. */
async function startPostgreSQL(): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'kefu-browser-postgres-'))
  const owner: { uid?: number; gid?: number } = {}
  if (process.getuid?.() === 0) {
    owner.uid = Number(execFileSync('id', ['-u', 'postgres']))
    owner.gid = Number(execFileSync('id', ['-g', 'postgres']))
    chownSync(folder, owner.uid, owner.gid)
  }
  const versions = '/usr/lib/postgresql'
  const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0]
  if (!newest) throw new Error(`there is no PostgreSQL under ${versions}`)
  const program = (name: string) => join(versions, newest, 'bin', name)
  execFileSync(program('initdb'), ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'], { ...owner, stdio: 'ignore', cwd: folder })
  const port = await freePort()
  const child = spawn(program('postgres'), ['-D', folder, '-k', folder, '-h', '127.0.0.1', '-p', String(port)], { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let logged = ''
  await new Promise<void>((ready, failed) => {
    child.once('exit', code => { failed(new Error(`postgres ended with ${code}:\n${logged}`)) })
    child.once('error', failed)
    child.stderr.on('data', chunk => {
      logged = (logged + String(chunk)).slice(-10_000)
      if (logged.includes('ready to accept connections')) ready()
    })
  })
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`,
    stop: async () => {
      const gone = once(child, 'exit')
      child.kill('SIGINT')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Cluster {
  nodes: [Kefu, Kefu]
  stop(): Promise<void>
}

/** Starts the nodes one after the other; env holds settings of both. */
export async function startCluster(env: Record<string, string>): Promise<Cluster> {
  const database = await startPostgreSQL()
  const files = mkdtempSync(join(tmpdir(), 'kefu-browser-files-'))
  const mesh = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const started: Kefu[] = []
  const stop = async () => {
    for (const node of started) await node.stop()
    await database.stop()
    rmSync(files, { recursive: true, force: true })
  }
  const start = async (listen: string) => {
    const node = await Kefu.start({
      ...env, KEFU_DATABASE_URL: database.url, KEFU_BUS_KIND: 'mesh', KEFU_MESH_LISTEN: listen, KEFU_MESH_PEERS: mesh.join(','),
      KEFU_MESH_SECRET: 'not a secret '.repeat(3), KEFU_FILES_FOLDER: files, KEFU_FILES_FOLDER_SHARED: 'true', KEFU_DRAIN_DELAY: '100ms', KEFU_DRAIN_SPREAD: '1s',
    })
    started.push(node)
    return node
  }
  try {
    return { nodes: [await start(mesh[0] ?? ''), await start(mesh[1] ?? '')], stop }
  } catch (error) {
    await stop()
    throw error
  }
}
