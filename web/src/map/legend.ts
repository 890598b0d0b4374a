/** 图例。The legend of a county's layers, asked for once by a map and by the page around it. */
import { fetchJSON } from '../api/client'
import { ask } from '../ask'
import { joined } from '../joined'
import type { Legend } from './style'

export const legendOf = (county: string) => joined(`legend ${county}`, () => fetchJSON<Legend>(`/ogc/${county}/legend.json`))

/** 地类的名称。A land class as people say it, 0103 旱地; its code alone until the legend has come. */
export function useClassNames(county: () => string) {
  const legend = ask([county], () => legendOf(county()))
  return (code: string | undefined) => (code ? `${code} ${legend.value.value?.classes.find((c) => c.code === code)?.name ?? ''}`.trim() : '')
}
