/** What the page calls the steps and opinions that the service names by codes. */
import type { Schemas } from '../api/client'

export type Action = Schemas['RecordAction']

/** 办理事项。The steps of the review and of carrying out; those of acceptance are taken on its own page. */
export const actionNames: Partial<Record<Action, { zh: string; en: string }>> = {
  declare: { zh: '申报', en: 'declare' },
  submit: { zh: '提交', en: 'submit' },
  check: { zh: '内业检查通过', en: 'check' },
  review: { zh: '送会审', en: 'send to review' },
  return: { zh: '退回补正', en: 'return' },
  refuse: { zh: '不予', en: 'refuse' },
  withdraw: { zh: '撤回', en: 'withdraw' },
  start: { zh: '开始实施', en: 'start' },
  lock: { zh: '指标锁定', en: 'lock' },
  unlock: { zh: '指标解锁', en: 'unlock' },
  release: { zh: '准予实施', en: 'release' },
  recall: { zh: '收回准予', en: 'recall' },
  execute: { zh: '已实施', en: 'executed' },
  confirm: { zh: '核定流出', en: 'confirm' },
  write_off: { zh: '核销', en: 'write off' },
}

/** 部门意见。 */
export type OpinionName = 'agree' | 'agree_with_conditions' | 'disagree'
export const opinionNames: Record<OpinionName, string> = { agree: '同意', agree_with_conditions: '有条件同意', disagree: '不同意' }

export const exemptNames: Record<Schemas['Exempt'], string> = { ecological: '生态退耕', disaster: '灾毁', flooding: '自然淹没' }

export const datasetStatus: Record<Schemas['DatasetStatus'], string> = { queued: '排队', loading: '装载中', committed: '已生效', refused: '拒收', failed: '失败', retired: '已停用' }

/** 1.5 MB: sizes of files, as people read them. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / (1 << 20)).toFixed(1)} MB`
}
