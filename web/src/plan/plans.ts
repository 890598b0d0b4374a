/**
 * 平衡方案：what the pages read out of a plan. The summary and the certificate are as
 * docs/planning.md gives them; areas are hundredths of a square metre.
 */
import { answer, api, type Schemas } from '../api/client'
import { hundredths } from '../area'
import type { Measure } from '../balance'
import { directionName } from '../words'

export type Plan = Schemas['Plan']
export type Parcel = Schemas['PlanParcel']

export interface Shortfall {
  measure?: Measure
  township?: string
  amount_m2: number
  message_zh: string
}

/** plan.summary; of a plan that is not done all of it is missing. */
export interface Summary {
  status?: 'optimal' | 'feasible' | 'infeasible'
  objective?: number | null
  bound?: number | null
  gap?: number | null
  gap_net?: number | null
  captured?: number | null
  county?: { in_m2: string; out_m2: string; in_paddy_m2: string; out_paddy_m2: string }
  in?: { candidates: number; took_part: number; chosen: number }
  out?: { candidates: number; took_part: number; chosen: number }
  grade_in?: number | null
  grade_out?: number | null
  perimeter_before_m?: number
  perimeter_after_m?: number
  patches_before?: number
  patches_after?: number
  transfers?: number
  message_zh?: string
  notes?: string[]
  options?: Options
  shortfalls?: Shortfall[]
}

/** The options that a plan was made with, all of them. */
export type Options = Required<Pick<Schemas['PlanOptions'], 'lambda' | 'transfer_cost' | 'in_cost' | 'refusal_cost' | 'include_review' | 'time_limit_s' | 'gap' | 'seed' | 'track_width_m' | 'min_patch_m2' | 'patch_rule'>> & {
  weights: Record<string, number>
  enforce: { area: boolean; paddy: boolean; quality: boolean }
  quotas?: Schemas['PlanQuota'][]
  chosen?: string[]
  not_chosen?: string[]
  rulebook?: string
  balance?: string
}

export const summaryOf = (plan: Pick<Plan, 'summary'>) => plan.summary as Summary

/** A bound that rests on more than the certificate alone shows, and on what. */
export const strongerOf = (plan: Pick<Plan, 'certificate'>) => (plan.certificate as { bound_stronger?: { value: number; rests_on: string } }).bound_stronger

export interface State {
  zh: string
  en: string
  mark: string
  tone: 'good' | 'warn' | 'bad' | ''
}

/** What has become of a plan, in a word, a sign and a colour. */
export function stateOf(plan: Pick<Plan, 'status' | 'summary'>): State {
  if (plan.status === 'queued') return { zh: '排队', en: 'queued', mark: '…', tone: '' }
  if (plan.status === 'running') return { zh: '正在编制', en: 'running', mark: '…', tone: '' }
  if (plan.status === 'failed') return { zh: '编制失败', en: 'failed', mark: '✘', tone: 'bad' }
  return solvedStates[summaryOf(plan).status ?? 'infeasible']
}

export const solvedStates: Record<'optimal' | 'feasible' | 'infeasible' | 'unknown', State> = {
  optimal: { zh: '最优', en: 'optimal', mark: '✔', tone: 'good' },
  feasible: { zh: '可行', en: 'feasible', mark: '✔', tone: 'good' },
  infeasible: { zh: '不可行', en: 'infeasible', mark: '✘', tone: 'bad' },
  unknown: { zh: '没有找到方案', en: 'no plan found', mark: '⚠', tone: 'warn' },
}

/** Whether the plan can be proposed or compared: it is done and keeps the rules. */
export const isSolved = (plan: Pick<Plan, 'status' | 'summary'>) => plan.status === 'done' && (summaryOf(plan).status === 'optimal' || summaryOf(plan).status === 'feasible')

/** What a plan is called: its name, or when it was made. */
export const titleOf = (plan: Pick<Plan, 'name' | 'plan_id' | 'created_at'>) =>
  plan.name || `方案 ${plan.created_at ? new Date(plan.created_at).toLocaleString('zh-CN', { month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' }) : plan.plan_id.slice(0, 8)}`

/** A share as a percentage with as many decimals as it takes to tell it from none. */
export function percent(share: number | null | undefined, decimals = 4): string {
  if (share === null || share === undefined || Number.isNaN(share)) return '—'
  return `${(share * 100).toFixed(decimals)}%`
}

/** A gap that no plan betters: rounded up, as the service rounds it. */
export const atMost = (share: number | null | undefined, decimals = 4) => percent(share === null || share === undefined ? share : Math.ceil(share * 100 * 10 ** decimals) / (100 * 10 ** decimals), decimals)

/** A share that is reached at least: rounded down, since 99.996% is not all. */
export const atLeast = (share: number | null | undefined, decimals = 4) => percent(share === null || share === undefined ? share : Math.floor(share * 100 * 10 ** decimals) / (100 * 10 ** decimals), decimals)

/** A cost of the plan, which has no unit of its own. */
export const cost = (v: number | null | undefined) => (v === null || v === undefined ? '—' : v.toLocaleString('zh-CN', { minimumFractionDigits: 1, maximumFractionDigits: 1 }))

export const metres = (v: number | null | undefined) => (v === null || v === undefined ? '—' : `${Math.round(v).toLocaleString('zh-CN')} m`)

/** A parcel as options and sessions name it. */
export const keyOf = (p: { direction: string; number: string }) => `${p.direction}/${p.number}`

/**
 * 折合 1 等面积。What a parcel weighs in the balance of quality: net · (16 − 等别)/15,
 * rounded half up. Where the grade is not known the worst is taken of what comes and the
 * best of what goes, as the plan does. Hundredths of a square metre.
 */
export function qualityOf(p: Pick<Parcel, 'direction' | 'net_m2' | 'quality'>): bigint {
  const net = hundredths(p.net_m2)
  const grade = p.quality ? BigInt(Math.round(Number(p.quality) * 1000)) : p.direction === 'in' ? 15000n : 1000n
  const held = grade < 1000n ? 1000n : grade > 15000n ? 15000n : grade
  return (net * (16000n - held) + 7500n) / 15000n
}

/** Reads all parcels of a plan, page by page; told is called with how many there are so far. */
export async function parcelsOf(county: string, plan: string, signal: AbortSignal, told?: (read: Parcel[]) => void): Promise<Parcel[]> {
  const all: Parcel[] = []
  let after: string | undefined
  do {
    const page = await answer(api.GET('/counties/{county}/plans/{plan_id}/parcels', { params: { path: { county, plan_id: plan }, query: { limit: 1000, ...(after ? { after } : {}) } }, signal }))
    all.push(...page.items)
    after = page.next
    told?.(all)
  } while (after)
  return all
}

/** The options by their names on the page. */
export const optionNames: Record<string, string> = {
  lambda: '连片权重 λ（每米边界）',
  transfer_cost: '调剂代价（每亩）',
  in_cost: '转进代价（每亩）',
  refusal_cost: '不予转出代价（每亩）',
  weights: '优先条款权重（每亩）',
  include_review: '纳入需人工核定的地块',
  time_limit_s: '时限（秒）',
  gap: '允许差距',
  seed: '随机种子',
  track_width_m: '田间道、沟渠宽度（米）',
  min_patch_m2: '最小连片面积（m²）',
  patch_rule: '连片规则',
  quotas: '指标',
  chosen: '已定选入',
  not_chosen: '已定不选',
  enforce: '必须守住的平衡',
  rulebook: '规则库版本',
  balance: '平衡方式',
}

/** An option's value in words. */
export function optionText(name: string, value: unknown): string {
  if (value === undefined || value === null) return '—'
  if (typeof value === 'boolean') return value ? '是' : '否'
  if (name === 'enforce') {
    const e = value as Options['enforce']
    return [e.area && '数量', e.paddy && '水田', e.quality && '质量'].filter(Boolean).join('、') || '都不强制'
  }
  if (name === 'weights') return Object.entries(value as Record<string, number>).map(([clause, w]) => `${clause} ${w}`).join('，')
  if (name === 'quotas') return (value as Schemas['PlanQuota'][]).map((q) => `${q.township ?? '全县'} ${directionName(q.direction)}${q.min_m2 ? ` ≥ ${q.min_m2}` : ''}${q.max_m2 ? ` ≤ ${q.max_m2}` : ''} m²`).join('；')
  if (Array.isArray(value)) return value.length > 8 ? `${value.slice(0, 8).join('、')} 等 ${value.length} 块` : value.join('、')
  return String(value)
}
