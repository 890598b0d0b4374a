import { createRouter, createWebHashHistory } from 'vue-router'
import OverviewPage from './pages/OverviewPage.vue'

/** The pages, in the order of the menu. */
export const pages = [
  { path: '/', name: 'overview', zh: '总览', en: 'Overview' },
  { path: '/map', name: 'map', zh: '一张图', en: 'Map' },
  { path: '/overlaps', name: 'overlaps', zh: '占用查询', en: 'Overlaps' },
  { path: '/declarations', name: 'declarations', zh: '候选与申报', en: 'Declarations' },
  { path: '/plans', name: 'plans', zh: '平衡方案', en: 'Plans' },
  { path: '/ledger', name: 'ledger', zh: '台账', en: 'Ledger' },
  { path: '/acceptance', name: 'acceptance', zh: '验收', en: 'Acceptance' },
  { path: '/admin', name: 'admin', zh: '管理', en: 'Admin' },
] as const

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'overview', component: OverviewPage },
    { path: '/map', name: 'map', component: () => import('./pages/MapPage.vue') },
    { path: '/overlaps', name: 'overlaps', component: () => import('./pages/OverlapsPage.vue') },
    { path: '/declarations', name: 'declarations', component: () => import('./pages/DeclarationsPage.vue') },
    { path: '/plans', name: 'plans', component: () => import('./pages/PlansPage.vue') },
    { path: '/ledger', name: 'ledger', component: () => import('./pages/LedgerPage.vue') },
    { path: '/acceptance', name: 'acceptance', component: () => import('./pages/AcceptancePage.vue') },
    { path: '/admin', name: 'admin', component: () => import('./pages/AdminPage.vue') },
    { path: '/:any(.*)*', redirect: '/' },
  ],
})
