import { mergeConfig } from 'vite'
import console_ from './console.config.ts'
import { webRoot } from './aliases.ts'

// The console over made-up data (web/console/dev), built for looking at it and for the tests of its pages. Never embedded.
export default mergeConfig(console_, {
  base: '/',
  build: {
    outDir: process.env.KEFU_FIXTURE_DIR ?? webRoot + 'build/fixture',
    emptyOutDir: true,
    manifest: false,
    rolldownOptions: { input: webRoot + 'console/dev/index.html' },
  },
})
