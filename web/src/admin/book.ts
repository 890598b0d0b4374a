/** 规则库用语。What a check says, in words a person reads. */
import type { Schemas } from '../api/client'

type Check = Schemas['RulebookCheck']

export const directionNames: Record<string, string> = { in: '转进', out: '转出', balance: '平衡', process: '程序' }
export const aspectNames: Record<string, string> = {
  added: '新增', removed: '删除', title: '标题', citation: '依据', test: '检查种类', layer: '图层', where: '要素条件', when: '地块条件', params: '参数',
  severity: '严重程度', tolerance: '容差', finding: '说明', names: '名称', values: '可用值', optional: '是否必需',
}
const tests: Record<string, string> = {
  overlap: '不得重叠', within: '须在其内', slope: '坡度', neighbours: '四邻', target: '拟转地类、用途', declared: '申报内容', surveyed: '与调查相符', township: '坐落', belt_width: '绿化带宽度',
  document: '证明材料', derived: '由其他条款推定', min_patch: '最小面积', score_share: '评分：面积比例', score_grade: '评分：等别', score_cluster: '评分：连片', score_near: '评分：邻近', score_size: '评分：规模',
  balance: '平衡', deadline: '期限', gate: '程序环节',
}
const fields: Record<string, string> = { purpose: '用途', target_dlbm: '拟转地类', base_dlbm: '现状地类', dlbm: '地类', actor: '主体', method: '方式', documents: '材料', level: '级别', code: '代码', name: '名称' }

export const testName = (k: Check) => `${tests[k.test] ?? k.test}${k.layer_name ? `：${k.layer_name}` : ''}`

/** Conditions as a person reads them; a long list of codes is cut. */
export function conditionsText(list: Schemas['RulebookCondition'][]): string {
  return list.map((c) => {
    const values = c.in ?? c.not_in ?? []
    const some = values.slice(0, 8).join('、') + (values.length > 8 ? ` 等 ${values.length} 项` : '')
    return `${fields[c.field] ?? c.field}${c.in ? '为' : '不为'} ${some}`
  }).join('，且')
}

export function toleranceText(t: Schemas['Tolerance']): string {
  const parts = [`超过 ${t.abs_m2} m²`]
  if (t.ratio > 0) parts.push(`占地块超过 ${Math.round(t.ratio * 1e6) / 1e4}%`)
  if (t.min_patch_m2 > 0) parts.push(`最大一块不小于 ${t.min_patch_m2} m²`)
  return `${parts.join('，且')}才算`
}
