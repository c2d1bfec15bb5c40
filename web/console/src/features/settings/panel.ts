import { Settings } from '@lucide/vue'
import type { Panel } from '../../panels.ts'
import { useSession } from '../../session.ts'

const meta = { panel: 'settings' }
/** What the server refuses to others is not shown to them either. */
const admins = () => useSession().administers || '/settings/profile'
const owners = () => useSession().isOwner || '/settings/profile'

export const settingsPanel: Panel = {
  name: 'settings',
  path: '/settings',
  icon: Settings,
  title: { 'zh-CN': '设置', en: 'Settings' },
  key: 'G S',
  routes: [{
    path: '/settings',
    component: () => import('./Settings.vue'),
    meta,
    children: [
      { path: '', name: 'settings', component: () => import('./FirstLevel.vue'), meta },
      { path: 'sites/new', component: () => import('./NewSite.vue'), beforeEnter: owners, meta: { ...meta, admins: true } },
      { path: 'sites/:site', component: () => import('./SitePage.vue'), props: true, beforeEnter: admins, meta: { ...meta, admins: true } },
      { path: 'sites/:site/webhooks', component: () => import('./webhooks/Webhooks.vue'), props: true, beforeEnter: admins, meta: { ...meta, admins: true } },
      { path: 'sites/:site/webhooks/:webhook', component: () => import('./webhooks/OneWebhook.vue'), props: true, beforeEnter: admins, meta: { ...meta, admins: true } },
      { path: 'people', component: () => import('./People.vue'), beforeEnter: admins, meta: { ...meta, admins: true } },
      { path: 'profile', component: () => import('./Profile.vue'), meta },
      { path: 'security', component: () => import('./Security.vue'), meta },
      { path: 'alerts', component: () => import('./Alerts.vue'), meta },
    ],
  }],
}
