import type { Plugin } from 'vite'

/**
 * Makes the widget lean. Its style travels inside its script, so nothing is preloaded, and Vite's helper for that is left
 * out; and of tokens.css only the custom properties that its style uses stay.
 */
export function lean(): Plugin {
  return {
    name: 'kefu:lean',
    enforce: 'pre',
    load(id) {
      return id === '\0vite/preload-helper.js' ? 'export const __vitePreload = load => load()' : null
    },
    renderChunk(code) {
      return { code: withoutEmptyFields(withoutPreload(code)).replace(/(["'`])((?:(?!\1)[^\\]|\\.)*--color-surface:(?:(?!\1)[^\\]|\\.)*)\1/g, style => withoutUnused(style)), map: null }
    },
  }
}

/** Imports without Vite's helper around them. */
export function withoutPreload(code: string): string {
  return code.replace(/__vitePreload\(async \(\) => \{\s*const \{[^}]*\} = await (import\([^()]+\));\s*return \{[^}]*\};?\s*\},[^()]*\)/g, '$1').replace(/__vitePreload\(\(\) => (import\([^()]+\)(?:\.then\(\(?\w+\)? => [\w$.]+(?:\([\w, ]*\))?\))?), (?:\[\]|__VITE_PRELOAD__|void 0)(?:, ?[^()]*)?\)/g, '$1')
}

/** Drops the fields without a value from where a class declares its fields: they are there for their types alone. */
export function withoutEmptyFields(code: string): string {
  return code.replace(/(\bclass\b[^\n]*\{\n)((?:\s*[\w$]+(?: = [^\n]*)?;\n)+)/g, (_, head: string, fields: string) => head + fields.replace(/^\s*[\w$]+;\n/gm, ''))
}

/** Drops the custom properties that no other declaration uses, until none is left to drop. */
export function withoutUnused(style: string): string {
  for (;;) {
    const used = new Set([...style.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name))
    const next = style.replace(/(--[\w-]+):(?:[^;{}()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*(;|(?=\}))/g, (whole, name: string) => (used.has(name) ? whole : ''))
    if (next === style) return style
    style = next
  }
}
