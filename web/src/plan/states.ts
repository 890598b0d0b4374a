/** 地块在方案中的状态，供地图着色。 */
import type { State } from '../map/looks'
import { keyOf, type Options, type Parcel } from './plans'

/** Which candidates the screening kept out: they have no part in the plan, and their reason begins with saying so. */
const outside = /^未参与平衡/

export function statesOf(parcels: readonly Parcel[], options: Pick<Options, 'chosen' | 'not_chosen'> | undefined): Map<string, State> {
  const [held, barred] = [new Set(options?.chosen), new Set(options?.not_chosen)]
  return new Map(parcels.map((p) => {
    const k = keyOf(p)
    return [k, held.has(k) ? 'locked-in' : barred.has(k) ? 'locked-out' : p.chosen ? 'chosen' : outside.test(p.reason_zh) ? 'refused' : 'not']
  }))
}
