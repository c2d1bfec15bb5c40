import { createRouter, createWebHistory, type Router, type RouterHistory, type RouteRecordRaw } from 'vue-router'
import { panels } from './panels.ts'
import { useSession } from './session.ts'

const gates: RouteRecordRaw[] = [
  { path: '/login', name: 'login', component: () => import('./features/login/LogIn.vue'), meta: { gate: true } },
  { path: '/link', name: 'link', component: () => import('./features/login/SetPassword.vue'), meta: { gate: true } },
  { path: '/setup', name: 'setup', component: () => import('./features/setup/SetUp.vue'), meta: { gate: true } },
]

const others: RouteRecordRaw[] = [
  { path: '/:rest(.*)*', name: 'absent', component: () => import('./frame/NotFound.vue') },
]

/** Every address of the console. Without a log-in, all but the gates lead to the log-in page. */
export function makeRouter(history: RouterHistory = createWebHistory('/console/')): Router {
  const router = createRouter({
    history,
    routes: [...gates, ...panels.flatMap(panel => panel.routes), ...others],
  })
  router.beforeEach(to => {
    const session = useSession()
    if (to.meta.gate || session.me) return true
    return { name: 'login', query: to.path === '/' ? {} : { next: to.fullPath } }
  })
  return router
}

/** Loads what every page needs before it is asked for, so that the console can be walked through while the server is away. */
export async function prefetch(router: Router): Promise<void> {
  const lazy = router.getRoutes().flatMap(route => Object.values(route.components ?? {})).filter(one => typeof one === 'function')
  for (const load of lazy as (() => Promise<unknown>)[]) await load().catch(() => undefined) // asked for again when it is needed
}
