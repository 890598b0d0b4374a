import type { Schemas } from './api/client'

/** 地块流程的状态，按先后。The states of a record in their order. */
export const stateNames: Record<Schemas['RecordState'], string> = {
  draft: '草稿',
  returned: '退回补正',
  submitted: '乡镇提交',
  checked: '县级内业检查',
  in_review: '部门会审',
  planned: '纳入方案',
  approved: '方案批准',
  executing: '实施中',
  township_checked: '乡镇初验',
  rectifying: '整改',
  accepted: '验收合格',
  evidenced: '举证上报',
  change_approved: '日常变更通过',
  quota_locked: '指标锁定',
  released: '准予实施',
  executed: '已实施',
  recognised: '年度变更认定',
  carried: '结转',
  failed: '验收不合格',
  written_off: '核销',
  refused: '不予',
  withdrawn: '撤回',
}

/** 筛查结论。 */
export const verdictNames: Record<Schemas['VerdictName'], string> = {
  eligible: '符合',
  eligible_after_clip: '裁剪后符合',
  needs_review: '需人工核定',
  forbidden: '禁止',
  unknown: '资料不全',
}
