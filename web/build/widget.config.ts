import { defineConfig } from 'vite'
import { alias, target, webRoot } from './aliases.ts'
import { lean } from './lean.ts'

// The visitor's pages: the hidden frame with its lazily loaded panel, the full-page chat, the demo shop.
export default defineConfig({
  root: webRoot,
  base: '/',
  plugins: [lean()],
  resolve: { alias: { ...alias, 'preact/jsx-runtime': webRoot + 'widget/src/panel/jsx.ts' } },
  build: {
    target,
    cssTarget: ['chrome119', 'safari16.4', 'firefox128'], // oklch and relative colours are left as they are
    outDir: webRoot + 'dist',
    emptyOutDir: false,
    copyPublicDir: false,
    manifest: true,
    // Nothing is preloaded for a script (lean.ts), so no script carries a list of what would be.
    modulePreload: { polyfill: false, resolveDependencies: (_, files, { hostType }) => (hostType === 'html' ? files : []) },
    assetsDir: 'widget/assets',
    rolldownOptions: {
      input: {
        frame: webRoot + 'widget/frame.html',
        chat: webRoot + 'widget/chat.html',
        demo: webRoot + 'widget/demo.html',
      },
    },
  },
})
