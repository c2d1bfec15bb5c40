/** Files to send: pictures that are what they say, and others. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import type { FrameLocator, Page } from 'playwright-core'

export interface Given {
  name: string
  mimeType: string
  buffer: Buffer
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(data.length)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

/** A PNG of one colour with a lighter band, so that up and down can be told apart. */
export function png(name: string, width: number, height: number, [r, g, b]: readonly [number, number, number]): Given {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const rows = Array.from({ length: height }, (_, y) => {
    const light = y < height / 4 ? 60 : 0
    const row = Buffer.alloc(1 + width * 3)
    for (let x = 0; x < width; x++) row.set([Math.min(255, r + light), Math.min(255, g + light), Math.min(255, b + light)], 1 + x * 3)
    return row
  })
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const buffer = Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(rows))), chunk('IEND', Buffer.alloc(0))])
  return { name, mimeType: 'image/png', buffer }
}

export const pdf = (name: string): Given => ({ name, mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n') })

/** So many bytes that begin as a PDF does, and mean nothing. */
export function ofSize(name: string, size: number): Given {
  const { mimeType, buffer } = pdf(name)
  return { name, mimeType, buffer: Buffer.concat([buffer, randomBytes(Math.max(0, size - buffer.length))]).subarray(0, size) }
}

/** Puts files into a new folder: what is large takes its time through the browser's own protocol. */
export async function onDisk(files: readonly Given[]): Promise<{ paths: string[]; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'kefu-files-'))
  const paths = files.map(({ name }) => join(folder, name))
  await Promise.all(files.map(({ buffer }, i) => writeFile(paths[i] ?? '', buffer)))
  return { paths, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** Pastes files into a page, or drags them over it and lets go. */
export async function bring(how: 'paste' | 'drop', into: Page | FrameLocator, files: readonly Given[]): Promise<void> {
  const sent = files.map(({ name, mimeType, buffer }) => ({ name, mimeType, text: buffer.toString('base64') }))
  await into.locator('body').evaluate((body, { how, sent }) => {
    const data = new DataTransfer()
    for (const { name, mimeType, text } of sent) {
      data.items.add(new File([Uint8Array.from(atob(text), char => char.charCodeAt(0))], name, { type: mimeType }))
    }
    const init = { bubbles: true, cancelable: true, composed: true }
    if (how === 'paste') return void body.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: data }))
    for (const type of ['dragover', 'drop']) body.dispatchEvent(new DragEvent(type, { ...init, dataTransfer: data }))
  }, { how, sent })
}
