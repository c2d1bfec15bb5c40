import { fileURLToPath } from 'node:url'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The root of the npm package, as a path. */
export const webRoot = at('..')

/** Import names that the builds, the tests and tsconfig.json share. */
export const alias = {
  '@client': at('../client/src'),
  '@words': at('../words'),
  '@': at('../console/src'),
}

/** What a browser of the last two years understands. */
export const target = 'es2023'
