/** 验收用语。What the steps of field work are called, and which records are whose turn. */
import type { Schemas } from '../api/client'
import { stateNames } from '../words'

type State = Schemas['RecordState']

/** 待办：records by what is to be done with them. */
export const turns: Record<string, { zh: string; en: string; states: State[] }> = {
  field: { zh: '待核查（初验、验收、整改）', en: 'to be inspected', states: ['executing', 'township_checked', 'rectifying', 'failed'] },
  township: { zh: '待乡镇初验', en: "township's turn", states: ['executing'] },
  county: { zh: '待县级验收', en: "county's turn", states: ['township_checked'] },
  rectify: { zh: '整改、不合格', en: 'to be put right', states: ['rectifying', 'failed'] },
  begin: { zh: '已批准，待开工或锁定、准予', en: 'approved, to be begun', states: ['approved', 'quota_locked', 'released'] },
  recognise: { zh: '待举证、变更、认定', en: 'to be recognised', states: ['accepted', 'evidenced', 'change_approved', 'executed'] },
  done: { zh: '已认定、结转、核销', en: 'done', states: ['recognised', 'carried', 'written_off'] },
}

/** What a choice of the list means: one of the turns, or a single state by its name. */
export const statesOf = (turn: string): State[] => turns[turn]?.states ?? (turn in stateNames ? [turn as State] : [])
export const turnName = (turn: string): string => turns[turn]?.zh ?? stateNames[turn as State] ?? ''

/** Percent of the plan, two decimals, of two areas in hundredths of a square metre; "—" without a plan. */
export function percent(difference: bigint, planned: bigint): string {
  if (planned === 0n) return '—'
  const size = difference < 0n ? -difference : difference
  const hundredths = (size * 10000n + planned / 2n) / planned
  return `${difference < 0n ? '−' : hundredths > 0n ? '+' : ''}${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}%`
}

/** Whether a difference is more than so many percent of the plan: the rule of the service. */
export function beyond(difference: bigint, planned: bigint, percentAllowed: number): boolean {
  const size = difference < 0n ? -difference : difference
  return size * 10000n > planned * BigInt(Math.round(percentAllowed * 100))
}
