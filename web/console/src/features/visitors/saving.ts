import type { Download } from '@client/download.ts'

/** How long the browser may take to read what it is given, in ms. */
const reads = 60_000

/** Gives a file to the browser to keep, as if it had been downloaded. */
export function save({ name, content }: Download): void {
  const href = URL.createObjectURL(content)
  const link = Object.assign(document.createElement('a'), { href, download: name })
  link.click()
  setTimeout(() => { URL.revokeObjectURL(href) }, reads)
}
