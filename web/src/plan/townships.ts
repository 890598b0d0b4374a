/** 各乡镇某一计量的转进、转出与调剂。Areas are hundredths of a square metre. */
import type { Schemas } from '../api/client'
import { hundredths } from '../area'
import type { Measure } from '../balance'
import { qualityOf, type Parcel } from './plans'

export interface TownSide {
  code: string
  name: string
  in: bigint
  out: bigint
  takes: bigint
  gives: bigint
}

type Counted = Pick<Parcel, 'direction' | 'township_code' | 'chosen' | 'net_m2' | 'net_paddy_m2' | 'quality'>

/** Area and paddy are the plan's own sums; quality is summed from the parcels, and is 0 without them. */
export function sidesOf(measure: Measure, townships: Schemas['PlanTownship'][], transfers: Schemas['PlanTransfer'][], parcels: readonly Counted[] | undefined): TownSide[] {
  const moved = (side: 'from' | 'to', code: string) => transfers.filter((t) => t.measure === measure && t[side] === code).reduce((sum, t) => sum + hundredths(t.amount_m2), 0n)
  const quality = new Map<string, { in: bigint; out: bigint }>()
  if (measure === 'quality') {
    for (const p of parcels ?? []) {
      if (!p.chosen) continue
      const q = quality.get(p.township_code) ?? { in: 0n, out: 0n }
      q[p.direction] += qualityOf(p)
      quality.set(p.township_code, q)
    }
  }
  return townships.map((t) => ({
    code: t.code,
    name: t.name,
    in: measure === 'area' ? hundredths(t.in_m2) : measure === 'paddy' ? hundredths(t.in_paddy_m2) : (quality.get(t.code)?.in ?? 0n),
    out: measure === 'area' ? hundredths(t.out_m2) : measure === 'paddy' ? hundredths(t.out_paddy_m2) : (quality.get(t.code)?.out ?? 0n),
    takes: moved('to', t.code),
    gives: moved('from', t.code),
  }))
}

export function totalOf(sides: TownSide[]): TownSide {
  const sum = (pick: (s: TownSide) => bigint) => sides.reduce((all, s) => all + pick(s), 0n)
  return { code: '', name: '合计', in: sum((s) => s.in), out: sum((s) => s.out), takes: sum((s) => s.takes), gives: sum((s) => s.gives) }
}
