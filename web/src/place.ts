/**
 * Where the page is: county, year and unit, kept in the address, so that a link
 * or a bookmark shows the same figures.
 */
import { computed } from 'vue'
import { useRoute, useRouter, type LocationQueryRaw } from 'vue-router'
import { units, type Unit } from './area'

export function usePlace() {
  const route = useRoute()
  const router = useRouter()
  const one = (name: string) => {
    const v = route.query[name]
    return typeof v === 'string' ? v : ''
  }
  const put = (change: LocationQueryRaw) => void router.replace({ query: { ...route.query, ...change } })
  return {
    county: computed(() => (/^\d{6}$/.test(one('county')) ? one('county') : '')),
    year: computed(() => (/^20\d\d$/.test(one('year')) ? Number(one('year')) : 0)),
    unit: computed<Unit>(() => (one('unit') in units ? (one('unit') as Unit) : 'mu')),
    /** Another part of the address: a filter of the page. */
    filter: (name: string) => computed(() => one(name)),
    put,
  }
}
