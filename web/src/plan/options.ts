/** 参数表：options of a plan as they are typed, and what of them was changed. */
import type { Schemas } from '../api/client'
import type { Options } from './plans'

/** The fields as text; "" is what the rulebook (or the plan copied from) says. */
export interface Draft {
  numbers: Record<NumberName, string>
  weights: Record<string, string>
  enforce: { area: boolean; paddy: boolean; quality: boolean } | undefined
  include_review: boolean
  patch_rule: boolean
  chosen: string
  not_chosen: string
  quotas: QuotaDraft[]
}

export interface QuotaDraft {
  township: string
  direction: Schemas['Direction']
  measure: 'area' | 'paddy' | 'quality'
  min_m2: string
  max_m2: string
}

export const numberNames = ['lambda', 'transfer_cost', 'in_cost', 'refusal_cost', 'min_patch_m2', 'track_width_m', 'time_limit_s', 'gap'] as const
export type NumberName = (typeof numberNames)[number]

/** The fields as a plan has them; what is not known is left to the rulebook. */
export function draftOf(o: Partial<Options> | undefined): Draft {
  return {
    numbers: Object.fromEntries(numberNames.map((n) => [n, String(o?.[n] ?? '')])) as Record<NumberName, string>,
    weights: Object.fromEntries(Object.entries(o?.weights ?? {}).map(([clause, w]) => [clause, String(w)])),
    enforce: o?.enforce ? { ...o.enforce } : undefined,
    include_review: o?.include_review ?? false,
    patch_rule: o?.patch_rule ?? false,
    chosen: (o?.chosen ?? []).join('\n'),
    not_chosen: (o?.not_chosen ?? []).join('\n'),
    quotas: (o?.quotas ?? []).map((q) => ({ township: q.township ?? '', direction: q.direction, measure: q.measure ?? 'area', min_m2: q.min_m2 ?? '', max_m2: q.max_m2 ?? '' })),
  }
}

/** Options laid over what the rulebook is known to say: those of a plan that failed are known by themselves only. */
export function over(usual: Options | undefined, own: Partial<Options>): Partial<Options> {
  return { ...usual, ...own, ...(usual ?? own.weights ? { weights: { ...usual?.weights, ...own.weights } } : {}), ...(usual ? { enforce: { ...usual.enforce, ...own.enforce } } : {}) }
}

const listOf = (text: string) => [...new Set(text.split(/[\s,，、;；]+/).filter(Boolean))]
/** Square metres as the contract has them, with two decimals. */
const exact = (m2: string) => `${m2}${m2.includes('.') ? '' : '.'}`.replace(/\.(\d{0,2})$/, (_, cents: string) => `.${cents.padEnd(2, '0')}`)
const quotaOf = (q: QuotaDraft): Schemas['PlanQuota'] => ({
  direction: q.direction, measure: q.measure, ...(q.township ? { township: q.township } : {}), ...(q.min_m2 ? { min_m2: exact(q.min_m2) } : {}), ...(q.max_m2 ? { max_m2: exact(q.max_m2) } : {}),
})
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** What was changed from one draft to another, as the options of a new plan: the rest is taken from the plan that is copied, or from the rulebook. */
export function changed(from: Draft, to: Draft): Schemas['PlanOptions'] {
  // what has a default in the contract need not be sent, though its type says so
  const out = {} as Schemas['PlanOptions']
  for (const n of numberNames) {
    const text = to.numbers[n].trim()
    if (text !== '' && text !== from.numbers[n]) out[n] = Number(text)
  }
  if (!same(from.weights, to.weights)) out.weights = Object.fromEntries(Object.entries(to.weights).filter(([, w]) => w.trim() !== '').map(([clause, w]) => [clause, Number(w)]))
  if (to.enforce && !same(from.enforce, to.enforce)) out.enforce = { ...to.enforce }
  if (from.include_review !== to.include_review) out.include_review = to.include_review
  if (from.patch_rule !== to.patch_rule) out.patch_rule = to.patch_rule
  for (const n of ['chosen', 'not_chosen'] as const) if (!same(listOf(from[n]), listOf(to[n]))) out[n] = listOf(to[n])
  if (!same(from.quotas, to.quotas)) out.quotas = to.quotas.filter((q) => q.min_m2 || q.max_m2).map(quotaOf)
  return out
}

/** What cannot be sent, field by field. */
export function wrongs(d: Draft): string[] {
  const out: string[] = []
  for (const [n, text] of [...Object.entries(d.numbers), ...Object.entries(d.weights)]) {
    if (text.trim() !== '' && !(Number(text) >= 0)) out.push(`${n}：“${text}”应为不小于 0 的数 · must be a number, 0 or more`)
  }
  for (const n of ['chosen', 'not_chosen'] as const) {
    for (const key of listOf(d[n])) if (!/^(in|out)\/.+$/.test(key)) out.push(`“${key}”应写作 in/编号 或 out/编号 · write in/NUMBER or out/NUMBER`)
  }
  for (const q of d.quotas) for (const m of [q.min_m2, q.max_m2]) if (m && !/^\d+(\.\d{1,2})?$/.test(m)) out.push(`指标：“${m}”应为平方米，最多两位小数 · square metres with two decimals at most`)
  return out
}
