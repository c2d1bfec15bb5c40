// Writes a .br and a .gz in place of every text file of dist, so that the program does not carry each one three times, and moves the builds' manifests out of what is served.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const manifests = fileURLToPath(new URL('manifest', import.meta.url))
const text = /\.(html|js|css|svg|json|txt|webmanifest)$/
const smallest = 256 // below this, a header costs more than compression saves

function moveManifest(folder, name) {
  const from = join(folder, '.vite')
  if (!existsSync(from)) return
  mkdirSync(manifests, { recursive: true })
  renameSync(join(from, 'manifest.json'), join(manifests, name))
  rmSync(from, { recursive: true })
}

function compress(file) {
  const body = readFileSync(file)
  if (body.length < smallest) return
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length }
  const packed = gzipSync(body, { level: 9 })
  if (packed.length >= body.length) return
  writeFileSync(file + '.gz', packed)
  writeFileSync(file + '.br', brotliCompressSync(body, { params }))
  rmSync(file)
}

moveManifest(join(dist, 'console'), 'console.json')
moveManifest(dist, 'widget.json')
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (entry.isFile() && text.test(entry.name)) compress(join(entry.parentPath, entry.name))
}
