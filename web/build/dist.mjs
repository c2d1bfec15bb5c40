// Reads what was built: a text lies in dist in its packed forms only.
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url)

/** The bytes of a file of dist, by its path there. */
export function built(name) {
  const packed = new URL(name + '.gz', dist)
  return existsSync(packed) ? gunzipSync(readFileSync(packed)) : readFileSync(new URL(name, dist))
}
