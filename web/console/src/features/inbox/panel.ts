import { MessagesSquare } from '@lucide/vue'
import type { Panel } from '../../panels.ts'

const meta = { panel: 'inbox' }

export const inboxPanel: Panel = {
  name: 'inbox',
  path: '/',
  icon: MessagesSquare,
  title: { 'zh-CN': '会话', en: 'Conversations' },
  key: 'G C',
  routes: [{ path: '/conversations/:c?', alias: '/', name: 'inbox', component: () => import('./Inbox.vue'), meta }],
}
