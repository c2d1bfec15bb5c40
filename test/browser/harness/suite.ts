/** Once per run: there is a server to test, and it is not older than its sources. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'

const root = resolve(import.meta.dirname, '../../..')
const skipped = new Set(['node_modules', 'dist', 'test', 'testdata', '.git', 'manifest'])

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the server's binary. */
    binary: string
  }
}

export default function setUp(project: TestProject): void {
  const given = process.env.KEFU_BIN
  const binary = given ? resolve(given) : join(root, 'bin/kefu')
  if (given && !existsSync(binary)) throw new Error(`KEFU_BIN names ${binary}, which does not exist`)
  if (!given && isOld(binary)) execFileSync('make', ['--no-print-directory', 'build'], { cwd: root, stdio: 'inherit' })
  project.provide('binary', binary)
}

function isOld(binary: string): boolean {
  if (!existsSync(binary)) return true
  const built = statSync(binary).mtimeMs
  return ['cmd', 'internal', 'web'].some(folder => newest(join(root, folder)) > built)
}

function newest(folder: string): number {
  let found = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skipped.has(entry.name) || entry.name.endsWith('_test.go')) continue
    const path = join(folder, entry.name)
    found = Math.max(found, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return found
}
