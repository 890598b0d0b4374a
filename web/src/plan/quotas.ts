/**
 * 指标：at least and at most what a township, or the county, brings in and lets go, as
 * the table of an interactive session edits them. Areas are the API's text of square
 * metres; what is typed is in the unit that the page shows.
 */
import type { Schemas } from '../api/client'
import { units, type Unit } from '../area'
import type { Measure } from '../balance'

export type Quota = Schemas['PlanQuota']
export type Side = 'min_m2' | 'max_m2'

/** Which amount a quota is about; town is "" for the county. */
export interface Amount {
  town: string
  direction: Schemas['Direction']
  measure: Measure
}

export const about = (q: Quota, a: Amount) => (q.township ?? '') === a.town && q.direction === a.direction && (q.measure ?? 'area') === a.measure

const cents = (m2: string) => BigInt(m2.replace('.', ''))

/** The bounds on an amount; of several quotas about it the tightest, which is what holds. */
export function boundsOf(quotas: readonly Quota[], a: Amount): { [side in Side]?: string } {
  const out: { [side in Side]?: string } = {}
  for (const q of quotas) {
    if (!about(q, a)) continue
    if (q.min_m2 !== undefined && (out.min_m2 === undefined || cents(q.min_m2) > cents(out.min_m2))) out.min_m2 = q.min_m2
    if (q.max_m2 !== undefined && (out.max_m2 === undefined || cents(q.max_m2) < cents(out.max_m2))) out.max_m2 = q.max_m2
  }
  return out
}

/** The quotas with one bound changed, or taken away: those of other amounts stay as they are. */
export function bounded(quotas: readonly Quota[], a: Amount, side: Side, m2: string | undefined): Quota[] {
  const bounds = { ...boundsOf(quotas, a), [side]: m2 }
  const at = quotas.findIndex((q) => about(q, a))
  const others = quotas.filter((q) => !about(q, a))
  if (bounds.min_m2 === undefined && bounds.max_m2 === undefined) return others
  const quota: Quota = {
    direction: a.direction, measure: a.measure, ...(a.town ? { township: a.town } : {}),
    ...(bounds.min_m2 === undefined ? {} : { min_m2: bounds.min_m2 }), ...(bounds.max_m2 === undefined ? {} : { max_m2: bounds.max_m2 }),
  }
  return at < 0 ? [...others, quota] : [...others.slice(0, at), quota, ...others.slice(at)]
}

/** Square metres, to the nearest hundredth, from what was typed in a unit; or why that is none. */
export function typedArea(text: string, unit: Unit): { m2?: string; wrong?: string } {
  const plain = text.trim().replace(/[,，\s]/g, '')
  if (plain === '') return {}
  const parts = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(plain)
  if (!parts) return { wrong: `“${text.trim()}”应为不小于 0 的数（${units[unit].zh}），如 120.5；不设指标则留空` }
  const decimals = parts[2] ?? ''
  const [value, ten] = [BigInt(parts[1]! + decimals), 10n ** BigInt(decimals.length)]
  // 1 亩 is 2000/3 m², 1 公顷 10,000 m²; half a hundredth is rounded up.
  const [times, by] = unit === 'mu' ? [200_000n, 3n * ten] : [unit === 'ha' ? 1_000_000n : 100n, ten]
  const all = (2n * value * times + by) / (2n * by)
  return { m2: `${all / 100n}.${String(all % 100n).padStart(2, '0')}` }
}
