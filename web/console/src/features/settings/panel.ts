import { Settings } from '@lucide/vue'
import type { Panel } from '../../panels.ts'

const meta = { panel: 'settings' }

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
      { path: 'sites/new', component: () => import('./NewSite.vue'), meta },
      { path: 'sites/:site', component: () => import('./SitePage.vue'), props: true, meta },
      { path: 'people', component: () => import('./People.vue'), meta },
      { path: 'profile', component: () => import('./Profile.vue'), meta },
      { path: 'security', component: () => import('./Security.vue'), meta },
      { path: 'alerts', component: () => import('./Alerts.vue'), meta },
    ],
  }],
}
