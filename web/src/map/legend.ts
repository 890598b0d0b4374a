/** 图例。The legend of a county's layers, asked for once by a map and by the page around it. */
import { fetchJSON } from '../api/client'
import { joined } from '../joined'
import type { Legend } from './style'

export const legendOf = (county: string) => joined(`legend ${county}`, () => fetchJSON<Legend>(`/ogc/${county}/legend.json`))
