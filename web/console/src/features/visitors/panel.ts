import { UsersRound } from '@lucide/vue'
import type { Panel } from '../../panels.ts'

export const visitorsPanel: Panel = {
  name: 'visitors',
  path: '/visitors',
  icon: UsersRound,
  title: { 'zh-CN': '访客', en: 'Visitors' },
  key: 'G V',
  routes: [{ path: '/visitors', name: 'visitors', component: () => import('./Visitors.vue'), meta: { panel: 'visitors' } }],
}
