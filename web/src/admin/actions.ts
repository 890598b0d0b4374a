import { steps } from '../steps'

/** 操作日志用语。What the log's codes say; a code without words here is shown alone. */
const actions: Record<string, string> = {
  'county.put': '设置县', 'year.set': '设置年度', 'year.close': '年度结转', 'session.begin': '登录',
  'identity.create': '登记人员或程序', 'identity.change': '改角色、停用', 'key.create': '发放密钥', 'key.revoke': '吊销密钥',
  'dataset.add': '装载数据', 'dataset.retire': '停用数据版本', 'upload.begin': '开始上传', 'upload.add': '上传文件', 'upload.drop': '取消上传', 'job.dismiss': '取消任务', 'download.add': '制作下载',
  'rulebook.add': '登记规则库', 'rulebook.tolerances': '调整容差', 'screening.add': '筛查', 'candidate.put': '改申报地块', 'candidate.withdraw': '撤回申报',
  'plan.add': '编制方案', 'plan.save': '保存方案', 'plan.name': '方案命名', 'plan.propose': '方案报批', 'plan.decide': '方案批准或退回',
  'ledger.transfer': '乡镇间调剂', 'ledger.settle': '归还欠账', 'ledger.rules': '改平衡规则', 'ledger.credit': '登记抵扣', 'ledger.credit_cancel': '撤销抵扣',
  'record.document': '存档材料', 'record.inspect': '量测', 'record.opinion': '出具意见', 'record.rectified': '整改完成', 'record.sign': '签字', 'record.carry': '地块结转',
}

export const actionName = (code: string) => actions[code] ?? (steps as Record<string, { zh: string }>)[code.replace(/^record\./, '')]?.zh ?? ''

/** What an entry is about, in words. */
const subjects: Record<string, string> = {
  county: '县', year: '年度', identity: '人员', key: '密钥', session: '会话', dataset: '数据集', upload: '上传', job: '任务', download: '下载', rulebook: '规则库',
  screening: '筛查', candidate: '申报地块', plan: '方案', record: '地块', ledger_transaction: '台账分录', ledger_credit: '抵扣',
}
export const subjectName = (kind: string) => subjects[kind] ?? kind

/** "2025/out/ZC…" as people say it: 2025 转出 ZC…. */
export const subjectText = (kind: string, id: string) => `${subjectName(kind)} ${id.replace(/^(\d{4})\/(in|out)\//, (_, year: string, direction: string) => `${year} ${direction === 'in' ? '转进' : '转出'} `)}`
