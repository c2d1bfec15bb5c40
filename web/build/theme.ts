import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const tokens = fileURLToPath(new URL('../tokens.css', import.meta.url))

/**
 * Puts tokens.css into a style sheet in place of `@tokens;`, its first block as a Tailwind theme.
 * The widget uses the same file as plain CSS, so the file itself knows nothing of Tailwind.
 */
export function tokensAsTheme(): Plugin {
  return {
    name: 'kefu:tokens-as-theme',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('.css') || !code.includes('@tokens;')) return
      this.addWatchFile(tokens)
      const theme = readFileSync(tokens, 'utf8').replace(':root {', '@theme static {')
      return { code: code.replace('@tokens;', () => theme), map: null }
    },
  }
}
