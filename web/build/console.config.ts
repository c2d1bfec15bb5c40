import { defineConfig } from 'vite'
import vue from '@vitejs/plugin-vue'
import tailwind from '@tailwindcss/vite'
import { alias, target, webRoot } from './aliases.ts'
import { tokensAsTheme } from './theme.ts'

// The console: a single-page application that the server answers for every path under /console/.
export default defineConfig({
  root: webRoot + 'console',
  base: '/console/',
  plugins: [tokensAsTheme(), vue(), tailwind()],
  resolve: { alias },
  build: {
    target,
    outDir: webRoot + 'dist/console',
    emptyOutDir: false,
    manifest: true,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true }, '/widget': 'http://127.0.0.1:8080' },
  },
})
