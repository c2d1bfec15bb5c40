import { defineConfig } from 'vite'
import { alias, target, webRoot } from './aliases.ts'

// /widget.js: one classic script with a stable name, for other people's pages.
export default defineConfig({
  root: webRoot,
  resolve: { alias },
  build: {
    target,
    outDir: webRoot + 'dist',
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: false,
    rolldownOptions: {
      input: webRoot + 'widget/loader/loader.ts',
      output: { format: 'iife', entryFileNames: 'widget.js' },
    },
  },
})
