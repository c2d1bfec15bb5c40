import { defineConfig } from 'vitest/config'
import vue from '@vitejs/plugin-vue'
import { alias, webRoot } from './aliases.ts'

// Tests run without a DOM; a file that needs one says `// @vitest-environment happy-dom` in its first line.
export default defineConfig({
  root: webRoot,
  plugins: [vue()],
  resolve: { alias },
  test: {
    environment: 'node',
    // The first test to load a page compiles it; on a busy machine that takes longer than the usual 5 s.
    testTimeout: 60_000,
    include: ['{client,console,widget,words,build}/**/*.test.{ts,tsx}'],
  },
})
