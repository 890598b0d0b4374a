/** 用语。The words that every page uses for what the service names by codes. */
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

/** 结论的符号，在文字里与名称并用。Marks of verdicts in text; those on the map are drawn. */
export const verdictMarks: Record<Schemas['VerdictName'], string> = { eligible: '✔', eligible_after_clip: '✂', needs_review: '？', forbidden: '✘', unknown: '…' }

/** 转进、转出。 */
export const directionName = (direction: string) => (direction === 'in' ? '转进' : '转出')

/** 发现的结果与严重程度。 */
export const outcomeNames: Record<Schemas['Outcome'], string> = { hit: '超限', tolerated: '容差内', missing: '缺资料', note: '备注' }
export const severityNames: Record<string, string> = { block: '禁止', warn: '提示', manual: '人工核定', score: '评分' }

/** 说明，不含依据。A finding's words without the source that they end with, for where that is said by itself. */
export function withoutSource(message: string, citation: string | undefined): string {
  const end = `；依据${citation}`
  return citation && message.endsWith(end) ? message.slice(0, -end.length) : message
}

/** 数据集版本的状态。 */
export const datasetStatus: Record<Schemas['DatasetStatus'], string> = { queued: '排队', loading: '装载中', committed: '已生效', refused: '拒收', failed: '失败', retired: '已停用' }

/** 装载检查的严重程度。 */
export const issueSeverities: Record<string, { zh: string; mark: string }> = { error: { zh: '错误', mark: '✘' }, warning: { zh: '警告', mark: '⚠' }, notice: { zh: '提示', mark: 'ℹ' } }

/** 部门；乡镇也在验收表上签字。Who gives opinions and signs. */
export const departmentNames: Record<string, string> = { township: '乡镇', bureau: '自然资源', agriculture: '农业农村', forestry: '林业', water: '水利', environment: '生态环境' }

/** 材料种类。 */
export const documentNames: Record<Schemas['DocumentKind'], string> = {
  consent: '权利人同意书', contract: '合同', approval: '批准文件', opinion: '部门意见书', acceptance_form: '验收表', photo: '现场照片',
  rectification: '整改报告', evidence: '举证材料', change_batch: '日常变更批次', result: '验收成果',
}

/** 申报材料的文号，按字段名。What a declaration cites, by the names of its fields. */
export const declaredDocuments: Record<string, string> = {
  PZWH: '批准文号', TGRW: '退耕任务文号', BAH: '设施农用地备案号', LYYJ: '林业审查意见文号', LZHT: '流转合同号', QLRTY: '权利人同意书号', TCXY: '农业设施退出协议号', SNYJ: '水利审批文号',
}

/** 1.5 MB: sizes of files, as people read them. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / (1 << 20)).toFixed(1)} MB`
}
