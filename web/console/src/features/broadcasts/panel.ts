import { Megaphone } from '@lucide/vue'
import type { Panel } from '../../panels.ts'
import { useSession } from '../../session.ts'

const meta = { panel: 'broadcasts' }

export const broadcastsPanel: Panel = {
  name: 'broadcasts',
  path: '/broadcasts',
  icon: Megaphone,
  title: { 'zh-CN': '群发', en: 'Broadcasts' },
  key: 'G B',
  may: () => useSession().broadcasts.length > 0,
  routes: [
    { path: '/broadcasts', name: 'broadcasts', component: () => import('./Broadcasts.vue'), meta },
    { path: '/broadcasts/:site/:id', name: 'broadcast', component: () => import('./OneBroadcast.vue'), props: true, meta },
  ],
}
