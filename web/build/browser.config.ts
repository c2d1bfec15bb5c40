import { defineConfig } from 'vitest/config'
import { alias, webRoot } from './aliases.ts'

const modules = webRoot + 'node_modules/'
const tests = webRoot + '../test/browser'

// End-to-end tests in a real browser against real servers. The files of test/browser lie outside this npm package, so
// what they import from it is named here. One worker has one browser at a time; two keep two cores busy.
export default defineConfig({
  root: tests,
  cacheDir: modules + '.vite-browser',
  resolve: {
    alias: {
      ...alias,
      vitest: modules + 'vitest/dist/index.js',
      'playwright-core': modules + 'playwright-core/index.mjs',
      'axe-core': modules + 'axe-core/axe.js',
    },
  },
  test: {
    include: ['**/*.test.ts'],
    globalSetup: tests + '/harness/suite.ts',
    pool: 'forks',
    maxWorkers: 2,
    // The global WebSocket is behind this flag in Node 20.
    execArgv: ['--experimental-websocket', '--no-warnings'],
    testTimeout: 90_000,
    hookTimeout: 90_000,
    allowOnly: process.env.CI !== 'true',
  },
})
