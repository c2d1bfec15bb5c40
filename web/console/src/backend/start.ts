import { createApp } from 'vue'
import type { RouterHistory } from 'vue-router'
import { createPinia } from 'pinia'
import { makeRouter } from '../router.ts'
import { useSession } from '../session.ts'
import { liveKey, type Live } from './live.ts'
import { restKey, type Rest } from './rest.ts'
import App from '../App.vue'

/**
 * Starts the console on #app. Who is logged in is asked before the first page is chosen; a server that cannot be
 * reached leads to the log-in page, which says so when somebody tries.
 */
export async function startConsole(live: Live, rest: Rest, options: { fill?: () => void; history?: RouterHistory } = {}): Promise<void> {
  const app = createApp(App).use(createPinia())
  app.provide(liveKey, live).provide(restKey, rest)
  const session = useSession()
  options.fill?.()
  session.me = await rest.me().catch(() => null)
  app.use(makeRouter(options.history)).mount('#app')
}
