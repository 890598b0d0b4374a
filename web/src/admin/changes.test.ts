import { expect, test } from 'vitest'
import { changesOf } from './changes'

const town = (code: string) => ({ 149901100: '合成一镇' })[code] ?? code
const of = (subject_kind: string, before: Record<string, unknown> | undefined, after: Record<string, unknown> | undefined) =>
  changesOf({ subject_kind, ...(before ? { before } : {}), ...(after ? { after } : {}) }, town)

test('what was changed is said from old to new, and what stayed is kept apart', () => {
  const c = of('identity', { name: '合成科员', kind: 'person', roles: ['bureau'], disabled: false }, { name: '合成科员', kind: 'person', roles: ['bureau', 'township_clerk/149901100'], disabled: true })
  expect(c.shown).toEqual([
    { name: '角色', old: '自然资源局经办', now: '自然资源局经办、乡镇经办 合成一镇' },
    { name: '停用', old: '否', now: '是' },
  ])
  expect(c.rest).toEqual([{ name: '名称', now: '合成科员' }, { name: '种类', now: '人员' }])
})

test('states, amounts and times are in words, and marks of programs come after what people read', () => {
  const step = of('record', { state: 'draft', revision: 1 }, { state: 'submitted', revision: 2, documents: ['0b0f5a34-1a2b-4c3d-8e9f-001122334455'] })
  expect(step.shown).toEqual([{ name: '状态', old: '草稿', now: '乡镇提交' }, { name: '材料', now: '0b0f5a34' }])
  expect(step.rest).toEqual([{ name: '流程序号', old: '1', now: '2' }])
  const moved = of('ledger_transaction', undefined, { from: '149901100', to: '149901101', amounts: { area_m2: '1234.50', paddy_m2: '0.00' } })
  expect(moved.shown.map((l) => `${l.name}：${l.now}`)).toEqual(['调出乡镇：合成一镇', '调入乡镇：149901101', '面积：1,234.50 m²', '水田：0.00 m²'])
  // Where there is nothing else, the marks are all there is to say.
  expect(of('candidate', { dataset_id: '0b0f5a34-1a2b-4c3d-8e9f-001122334455' }, { dataset_id: '1b0f5a34-1a2b-4c3d-8e9f-001122334455' }).shown).toEqual([{ name: '数据版本', old: '0b0f5a34', now: '1b0f5a34' }])
})

test('what is not words is kept whole, and nothing is lost of a long entry', () => {
  const shape = { type: 'Point', coordinates: [111.6, 36.2] }
  const [geometry] = of('ledger_credit', undefined, { geometry: shape }).shown
  expect(geometry!.now).toBe('（见原文）')
  expect(JSON.parse(geometry!.raw!)).toEqual(shape)
  const quotas = [{ direction: 'in', min_m2: '1.00' }]
  const plan = of('plan', undefined, { name: '合成', options: { lambda: 2, quotas, enforce: { area: true }, chosen: Array.from({ length: 20 }, (_, i) => `in/${i}`), weights: { 'IN-P1': 3 }, x1: 1, x2: 2 } })
  expect(plan.shown).toHaveLength(6)
  expect([...plan.shown, ...plan.rest]).toHaveLength(8)
  const said = new Map([...plan.shown, ...plan.rest].map((l) => [l.name, l]))
  expect(JSON.parse(said.get('指标')!.raw!)).toEqual(quotas)
  expect([said.get('必须守住的平衡：数量')?.now, said.get('优先条款权重（每亩）：IN-P1')?.now]).toEqual(['是', '3'])
  expect(said.get('已定选入')?.now).toMatch(/^in\/0、.*in\/11 等 20 项$/)
  // What is gone is said to be gone.
  expect(of('upload', { file_name: 'a.zip' }, undefined).shown).toEqual([{ name: '文件', old: 'a.zip', now: '—' }])
  expect(of('county', undefined, undefined)).toEqual({ shown: [], rest: [] })
})
