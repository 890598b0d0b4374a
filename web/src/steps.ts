/** 办理事项。The steps of a record, as every page calls them, and what a person fills in for each. */
import type { Schemas } from './api/client'

export type Action = Schemas['RecordAction']

export interface Step {
  zh: string
  en: string
  /** The page that it is taken on: 候选与申报, 验收, or either. */
  on: 'declarations' | 'acceptance' | 'both'
  /** The service asks for a reason whatever the case; elsewhere it may, as when it is late. */
  reason?: true
  /** 整改清单 and its day. */
  list?: true
  /** The area that was really taken. */
  area?: true
}

/** In the order of the year; recognise is by the survey and has a form of its own. */
export const steps: Record<Action, Step> = {
  declare: { zh: '申报', en: 'declare', on: 'declarations' },
  submit: { zh: '提交', en: 'submit', on: 'declarations' },
  check: { zh: '内业检查通过', en: 'check', on: 'declarations' },
  review: { zh: '送会审', en: 'send to review', on: 'declarations' },
  return: { zh: '退回补正', en: 'return', on: 'declarations', reason: true },
  refuse: { zh: '不予', en: 'refuse', on: 'declarations', reason: true },
  withdraw: { zh: '撤回', en: 'withdraw', on: 'declarations', reason: true },
  start: { zh: '开始实施', en: 'start', on: 'both' },
  township_check: { zh: '乡镇初验合格', en: 'township check', on: 'acceptance' },
  rectify: { zh: '要求整改', en: 'have it put right', on: 'acceptance', reason: true, list: true },
  rework: { zh: '整改完成，重新初验', en: 'put right', on: 'acceptance' },
  accept: { zh: '县级验收合格', en: 'accept', on: 'acceptance' },
  fail: { zh: '验收不合格', en: 'fail', on: 'acceptance', reason: true },
  evidence: { zh: '举证上报', en: 'send evidence', on: 'acceptance' },
  evidence_return: { zh: '举证退回', en: 'evidence returned', on: 'acceptance', reason: true },
  change_approve: { zh: '日常变更通过', en: 'change approved', on: 'acceptance' },
  lock: { zh: '指标锁定', en: 'lock', on: 'both' },
  unlock: { zh: '指标解锁', en: 'unlock', on: 'both', reason: true },
  release: { zh: '准予实施', en: 'release', on: 'both' },
  recall: { zh: '收回准予', en: 'recall', on: 'both', reason: true },
  execute: { zh: '已实施', en: 'executed', on: 'both', area: true },
  confirm: { zh: '核定流出', en: 'confirm', on: 'declarations' },
  revoke: { zh: '撤销上一步（冲销）', en: 'revoke the last step', on: 'both', reason: true },
  write_off: { zh: '核销', en: 'write off', on: 'both', reason: true },
}

const order = Object.keys(steps) as Action[]

/** Those of the codes that are steps of a page, in the order of the year. */
export const stepsOn = (page: 'declarations' | 'acceptance', codes: readonly string[]): Action[] => order.filter((a) => codes.includes(a) && (steps[a].on === page || steps[a].on === 'both'))

/** An area as it is typed, 12.5, as the service reads it: two decimals. */
export const twoDecimals = (v: string) => (/^\d+$/.test(v) ? `${v}.00` : /^\d+\.\d$/.test(v) ? `${v}0` : v)
