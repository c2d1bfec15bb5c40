// Empties dist, which keeps its .gitkeep so that Go can embed the folder in a clean clone.
import { readdirSync, rmSync } from 'node:fs'

const dist = new URL('../dist/', import.meta.url)
for (const name of readdirSync(dist)) {
  if (name !== '.gitkeep') rmSync(new URL(name, dist), { recursive: true })
}
rmSync(new URL('manifest/', import.meta.url), { recursive: true, force: true })
