/**
 * 平衡与否。What the books (台账) say of a township or of the county, and how it is
 * to be read. Areas are hundredths of a square metre.
 */
import { hundredths } from './area'
import type { Schemas } from './api/client'

export type Measure = Schemas['LedgerSide']['measure']
export type Stage = 'planned' | 'accepted' | 'recognised'

/** 计量。The three measures that are balanced (docs/ledger.md). */
export const measures: Record<Measure, { zh: string; short: string; en: string }> = {
  area: { zh: '数量', short: '数量', en: 'area' },
  paddy: { zh: '水田', short: '水田', en: 'paddy' },
  quality: { zh: '质量（折合 1 等）', short: '质量', en: 'quality, as grade 1' },
}

/** The stages, by what each says of land that comes in and of land that goes out. */
export const stages: Record<Stage, { zh: string; in: string; out: string; en: string }> = {
  planned: { zh: '计划', in: '计划转进', out: '计划转出', en: 'planned' },
  accepted: { zh: '验收、实施', in: '验收合格', out: '已实施', en: 'accepted / executed' },
  recognised: { zh: '认定', in: '认定转进', out: '认定转出', en: 'recognised' },
}

/** 一个数的地址：计划转进 is "planned-in". A figure whose parcels can be listed, as the address names it. */
export type Listed = `${Stage}-${'in' | 'out'}`
export const listed = (text: string): { stage: Stage; direction: 'in' | 'out' } | undefined => {
  const [stage, direction] = text.split('-')
  return stage !== undefined && Object.hasOwn(stages, stage) && (direction === 'in' || direction === 'out') ? { stage: stage as Stage, direction } : undefined
}

/** One township's figures of one measure, or the county's. */
export interface Side {
  township: string
  measure: Measure
  in: Record<Stage, bigint>
  out: Record<Stage, bigint>
  transferredIn: bigint
  transferredOut: bigint
  carriedIn: bigint
  carriedOut: bigint
  /** What approved plans booked in all, of which the stage planned is what was not taken out again. */
  entered: { in: bigint; out: bigint }
  available: bigint
  owed: bigint
}

export function sideOf(s: Schemas['LedgerSide']): Side {
  return {
    township: s.township_code,
    measure: s.measure,
    in: { planned: hundredths(s.planned_in_m2), accepted: hundredths(s.accepted_in_m2), recognised: hundredths(s.recognised_in_m2) },
    out: { planned: hundredths(s.planned_out_m2), accepted: hundredths(s.executed_out_m2), recognised: hundredths(s.recognised_out_m2) },
    transferredIn: hundredths(s.transferred_in_m2),
    transferredOut: hundredths(s.transferred_out_m2),
    carriedIn: hundredths(s.carried_in_m2),
    carriedOut: hundredths(s.carried_out_m2),
    entered: { in: hundredths(s.entered_in_m2), out: hundredths(s.entered_out_m2) },
    available: hundredths(s.available_m2),
    owed: hundredths(s.owed_m2),
  }
}

/**
 * What a stage leaves: in, less out, with what other townships gave and took and
 * what the year before left or owed. 先进后出 (BAL-4), 乡镇间调剂 (BAL-5), 结转 (BAL-6).
 */
export function left(side: Side, stage: Stage): bigint {
  return side.in[stage] - side.out[stage] + side.transferredIn - side.transferredOut + side.carriedIn
}

/** The furthest stage that anything has reached: what a year is judged by. */
export function furthest(totals: Side[]): Stage {
  const reached = (stage: Stage) => totals.some((t) => t.in[stage] !== 0n || t.out[stage] !== 0n)
  return reached('recognised') ? 'recognised' : reached('accepted') ? 'accepted' : 'planned'
}

/** The townships that a stage leaves short of a measure that is enforced, the worst first. */
export function shortOf(sides: Side[], stage: Stage, enforced: readonly Measure[]): { township: string; measure: Measure; left: bigint }[] {
  return sides
    .filter((s) => enforced.includes(s.measure))
    .map((s) => ({ township: s.township, measure: s.measure, left: left(s, stage) }))
    .filter((s) => s.left < 0n)
    .sort((a, b) => (a.left < b.left ? -1 : 1))
}

interface Version {
  dataset_id: string
  kind: string
  scope?: string
  year: number
}

/**
 * What a screening of the year would read now and the run has not read: the kinds of data
 * with a version that came after it. The newest version of the year or before counts; a
 * declaration is of its own year.
 */
export function laterThan(run: { year: number; datasets: Record<string, unknown>[] }, current: Version[]): Version[] {
  const newest = new Map<string, Version>()
  for (const d of current) {
    const declared = d.kind.startsWith('CANDIDATE_')
    if (declared ? d.year !== run.year : d.year > run.year) continue
    const key = `${d.kind} ${d.scope ?? ''}`
    if ((newest.get(key)?.year ?? -1) < d.year) newest.set(key, d)
  }
  const read = new Set(run.datasets.map((d) => d['dataset_id']))
  return [...newest.values()].filter((d) => !read.has(d.dataset_id))
}
