import { shallowRef } from 'vue'
import { createRouter, createWebHashHistory } from 'vue-router'
import { Fault } from './api/client'
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

// Who was sent away to log in comes back to "/": the address they came from is taken up
// again, before the router reads it.
function resume() {
  try {
    const back = sessionStorage.getItem(leftAt)
    sessionStorage.removeItem(leftAt)
    if (back?.startsWith('#/') && location.hash === '') history.replaceState(null, '', back)
  } catch {
    // A browser that stores nothing begins at the first page.
  }
}
/** Where a page that leaves for the login notes its address. */
export const leftAt = 'gengheng-back'
resume()

// The map's own program, the largest there is, is fetched beside the page's, not after it.
function mapPage() {
  void import('./map/engine').catch(() => undefined) // the page says what went wrong
  return import('./pages/MapPage.vue')
}

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'overview', component: OverviewPage },
    { path: '/map', name: 'map', component: mapPage },
    { path: '/overlaps', name: 'overlaps', component: () => import('./pages/OverlapsPage.vue') },
    { path: '/declarations', name: 'declarations', component: () => import('./pages/DeclarationsPage.vue') },
    { path: '/plans', name: 'plans', component: () => import('./pages/PlansPage.vue') },
    { path: '/ledger', name: 'ledger', component: () => import('./pages/LedgerPage.vue') },
    { path: '/acceptance', name: 'acceptance', component: () => import('./pages/AcceptancePage.vue') },
    { path: '/admin', name: 'admin', component: () => import('./pages/AdminPage.vue') },
    { path: '/:any(.*)*', redirect: '/' },
  ],
})

const nameOfPage = (name: unknown) => pages.find((p) => p.name === name)?.zh ?? ''

/** The page that is being fetched; "" where none is. */
export const opening = shallowRef('')

/** A page whose program could not be fetched, and where it is; the page before stays. */
export const unopened = shallowRef<{ fault: Fault; at: string }>()

router.beforeEach((to, from) => {
  if (to.name !== from.name) opening.value = nameOfPage(to.name)
})
router.afterEach(() => {
  opening.value = ''
  unopened.value = undefined
})
router.onError((_, to) => {
  opening.value = ''
  unopened.value = {
    at: to.fullPath,
    fault: new Fault(`打不开“${nameOfPage(to.name)}” · The page cannot be opened`, '没有读到它的程序：网络不通，服务停了，或服务刚升级过。请检查网络后重试；仍不行，请刷新浏览器（没有提交的填写会丢）。 Check the network and try again, or else reload.'),
  }
})
