import { createApp, watch } from 'vue'
import type { RouterHistory } from 'vue-router'
import { createPinia } from 'pinia'
import { useInbox } from '../features/inbox/store.ts'
import { makeRouter } from '../router.ts'
import { useSettings } from '../features/settings/store.ts'
import { useSession } from '../session.ts'
import { portraitsKey } from '../ui/portraits.ts'
import { liveKey, type Live } from './live.ts'
import { restKey, type Rest } from './rest.ts'
import App from '../App.vue'

/**
 * Starts the console on #app. Who is logged in is asked before the first page is chosen; a server that cannot be
 * reached leads to the log-in page, which says so and asks again.
 */
export async function startConsole(make: () => { live: Live; rest: Rest }, options: { fill?: () => void; history?: RouterHistory } = {}): Promise<void> {
  const app = createApp(App).use(createPinia())
  const { live, rest } = make()
  app.provide(liveKey, live).provide(restKey, rest)
  const session = useSession()
  const inbox = useInbox()
  app.provide(portraitsKey, agent => {
    const colleague = inbox.agents.find(one => one.id === agent)
    return colleague ? colleague.portrait : agent === session.me?.id ? session.me.portrait : undefined
  })
  const router = makeRouter(options.history)
  options.fill?.()
  session.me = await rest.me().catch(() => undefined)
  watch(() => session.me?.id, id => {
    if (session.me && id) return live.enter(session.me)
    live.leave(false)
    useSettings().reset()
    const { meta, fullPath } = router.currentRoute.value
    if (!meta.gate) void router.push({ name: 'login', query: session.ended ? { next: fullPath } : {} })
  })
  if (session.me) live.enter(session.me)
  app.use(router).mount('#app')
}
