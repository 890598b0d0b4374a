/**
 * 日志内容。What an entry of the log changed, field by field in words: names and values
 * as the pages say them elsewhere. What cannot be put in words is given as it is kept.
 */
import { exemptNames, opinionNames } from '../declare/words'
import { hundredths, shown } from '../area'
import { measures } from '../balance'
import { optionNames } from '../plan/plans'
import { declaredDocuments, departmentNames, directionName, documentNames, stateNames, verdictNames } from '../words'
import { roleNames } from '../session'

/** One field. Without old it was not there before, or nothing is known of before. */
export interface Line {
  name: string
  old?: string
  now: string
  /** What is not said in words, as JSON. */
  raw?: string
}
/** The fields that say what was done, and the others: what stayed, and marks of programs. */
export interface Changes {
  shown: Line[]
  rest: Line[]
}

interface Kept {
  subject_kind: string
  before?: Record<string, unknown> | null
  after?: Record<string, unknown> | null
}

/** Fields by the names that people know them by; what is not here keeps its own. */
const names: Record<string, string> = {
  name: '名称', note: '说明', kind: '种类', status: '状态', state: '状态', year: '年度', number: '编号', reason: '理由', title: '标题', direction: '方向',
  srid: '坐标系 EPSG', synthetic: '合成数据', rulebook: '规则库版本', clauses: '条款', id: '规则库',
  file_name: '文件', size: '字节', sha256: '摘要 SHA-256', layer: '文件中的图层', crs: '坐标系', towgs84: '七参数', encoding: '编码', scope: '乡镇', upload_id: '上传', workbook_id: '申报表工作簿', dataset_id: '数据版本',
  accept_repairs: '接受修复图形', confirm_empty: '确认没有要素', screen: '随即筛查', collection: '图层', query: '条件', township_code: '乡镇', township: '乡镇',
  run_id: '筛查', full: '逐个重判', plan_id: '方案', copy_of: '复制自方案', base_plan_id: '复制自方案', session_id: '调整会话', options: '参数',
  identity: '人员', identity_id: '人员', issuer: '签发方', subject: '签发方编号', roles: '角色', disabled: '停用', prefix: '密钥前缀', expires_at: '有效至', revoked: '吊销',
  boundary: '改画边界', withdrawn: '撤出', fields: '字段', geometry: '图形', programme: '项目', approval: '批准文号', from: '调出乡镇', to: '调入乡镇', amounts: '数量', mode: '平衡方式', enforced: '强制的平衡', enforce: '必须守住的平衡',
  area: '数量', paddy: '水田', quality: '质量', area_m2: '面积', paddy_m2: '水田', quality_m2: '质量（折合 1 等）', gross_m2: '量测面积', net_m2: '净面积', planned_m2: '方案净面积', min_m2: '不少于', max_m2: '不多于', measure: '计量', tx_id: '分录',
  revision: '流程序号', late: '逾期', documents: '材料', data: '填报', rectify: '整改事项', rectify_by: '整改期限', document_id: '材料', purpose: '用途', reference: '文号', by: '办理人', at: '时间',
  inspection_id: '量测', verdict: '筛查结论', department: '部门', seq: '次序', answers: '验收表', passed: '全部符合', round: '会审轮次', opinion: '意见', conditions: '条件', reasons: '理由',
  item: '事项序号', what: '整改事项', due: '整改期限', done_note: '整改说明', done_by: '办理人', done_at: '完成时间', exempt: '不计入平衡',
  declare_by: '申报截止', plan_by: '方案截止', survey_date: '调查时点', reviewers: '会审部门', acceptors: '验收部门', approval_purposes: '须另行批准的用途', contract_actors: '须有合同的主体',
  attempt: '报批次数', proposed_by: '报批人编号', proposed_as: '报批人', proposed_at: '报批时间', decided_by: '决定人编号', decided_as: '决定人', decided_at: '决定时间', decision: '批准文号或退回理由',
  village: '村', target_dlbm: '拟转地类', base_dlbm: '现状地类', base_bsm: '现状图斑', method: '恢复方式', actor: '主体', declared_m2: '申报面积',
  SBBH: '申报编号', XZDM: '乡镇代码', XZMC: '乡镇', CUN: '村', BSM: '现状图斑', DLBM: '现状地类', SBMJ: '申报面积（m²）', NZDL: '拟转地类', YT: '用途', HFFS: '恢复方式', GDLX: '耕地类型', ZTLX: '主体',
  ...declaredDocuments, ...optionNames,
}
const places = new Map(Object.keys(names).map((key, i) => [key, i]))
/** 验收表的各项。What the checklists ask, shorter than there. */
const items: Record<string, string> = {
  finished: '按方案完工', plough_layer: '耕作层', planted: '已种植', upkeep: '管护责任', boundary: '边界与实地一致', class: '实地为耕地', papers: '图件齐全',
  no_forest: '不涉及林地', drainage: '灌排设施', no_river: '不在河湖管理范围', no_pollution: '无污染风险',
}
/** Fields that hold others and have nothing to say themselves. */
const wrappers = new Set(['options', 'fields', 'data', 'amounts'])
/** Marks of programs: they tell versions apart, and people little. */
const marks = /_id$|(^|_)(sha256|prefix|revision|seq|attempt|size|srid|copy_of)$|^(proposed|decided)_by$|^identity$/

const kinds: Record<string, Record<string, string>> = {
  identity: { person: '人员', program: '程序' },
  record: { ...documentNames, township: '乡镇初验', county: '县级验收' },
  job: { load: '装载', screen: '筛查', plan: '平衡', download: '下载成果' },
  dataset: { CANDIDATE_IN: '转进申报', CANDIDATE_OUT: '转出申报', DLTB: '地类图斑' },
}
const statuses: Record<string, string> = { proposed: '报批中', approved: '已批准', rejected: '已退回', committed: '已生效', retired: '已停用' }
const modes: Record<string, string> = { in_out: '进出平衡', net_increase: '年度净增加' }
const measureNames = Object.fromEntries(Object.entries(measures).map(([k, m]) => [k, m.zh]))
const words: Record<string, Record<string, string>> = {
  status: statuses, state: stateNames, mode: modes, enforced: measureNames, measure: measureNames, verdict: verdictNames, opinion: opinionNames, exempt: exemptNames,
  direction: { in: directionName('in'), out: directionName('out') }, department: departmentNames, reviewers: departmentNames, acceptors: departmentNames,
}
const townships = new Set(['scope', 'township_code', 'township', 'from', 'to', 'XZDM'])

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)
const isShape = (v: unknown) => isObject(v) && typeof v['type'] === 'string' && ('coordinates' in v || 'geometries' in v || 'geometry' in v || 'features' in v)
const nothing = (v: unknown) => v === undefined || v === null || v === '' || (Array.isArray(v) && v.length === 0)

/** The fields of an entry, those within others too, each under its path. */
function flat(of: Record<string, unknown>, path: string[] = []): Map<string, unknown> {
  const out = new Map<string, unknown>()
  for (const [key, value] of Object.entries(of)) {
    const here = [...path, key]
    if (isObject(value) && !isShape(value) && path.length < 3) for (const [k, v] of flat(value, here)) out.set(k, v)
    else out.set(here.join('\n'), value)
  }
  return out
}
function nameOf(path: string): string {
  const keys = path.split('\n')
  return keys.filter((key, i) => i === keys.length - 1 || !wrappers.has(key)).map((key, i, all) => (all[i - 1] === 'answers' ? items[key] : names[key]) ?? key).join('：')
}

/** A value in words; undefined where it is none that people read. */
function wordOf(key: string, value: unknown, kind: string, town: (code: string) => string): string | undefined {
  if (nothing(value)) return '—'
  if (typeof value === 'boolean') return value ? '是' : '否'
  if (Array.isArray(value)) {
    const said = value.slice(0, 12).map((v: unknown) => (isObject(v) ? undefined : wordOf(key, v, kind, town)))
    if (said.includes(undefined)) return undefined
    return said.join('、') + (value.length > 12 ? ` 等 ${value.length} 项` : '')
  }
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value)
  if (/_m2$/.test(key)) return typeof value === 'string' && /^-?\d+(\.\d{1,2})?$/.test(text) ? `${shown(hundredths(text), 'm2')} m²` : `${text} m²`
  if (key === 'at' || /_at$/.test(key)) return Number.isNaN(Date.parse(text)) ? text : new Date(text).toLocaleString('zh-CN')
  if (key === 'kind') return kinds[kind]?.[text] ?? text
  if (key === 'roles') {
    const [role, code] = text.split('/') as [string, string | undefined]
    return `${(roleNames as Record<string, string>)[role] ?? role}${code ? ` ${town(code)}` : ''}`
  }
  if (townships.has(key)) return town(text)
  // Long marks are told apart by their beginnings.
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$|^[0-9a-f]{32,}$/.test(text)) return text.slice(0, 8)
  return words[key]?.[text] ?? text.replace(/\b\d{9}\b/g, town)
}

/** How many lines an entry has at first. */
const most = 6

/** What an entry says, in words; town names a township by its code. */
export function changesOf(entry: Kept, town: (code: string) => string): Changes {
  const [before, after] = [flat(entry.before ?? {}), flat(entry.after ?? {})]
  const lines: (Line & { changed: boolean; mark: boolean; place: number })[] = []
  for (const path of new Set([...after.keys(), ...before.keys()])) {
    const [was, is] = [before.get(path), after.get(path)]
    const key = path.split('\n').at(-1)!
    const say = (v: unknown) => wordOf(key, v, entry.subject_kind, town)
    const [old, now] = [say(was), say(is)]
    const same = JSON.stringify(was ?? null) === JSON.stringify(is ?? null)
    const known = before.has(path) && !same
    lines.push({
      name: nameOf(path), now: now ?? '（见原文）', ...(known ? { old: old ?? '（见原文）' } : {}),
      ...(old === undefined || now === undefined ? { raw: JSON.stringify(known ? [was ?? null, is ?? null] : is ?? null, null, 1) } : {}),
      changed: !same && !(nothing(was) && nothing(is)), mark: marks.test(key), place: places.get(key) ?? places.size,
    })
  }
  // The log keeps its fields in an order of its own: those that are known stand as they do above.
  lines.sort((a, b) => a.place - b.place)
  const changed = lines.filter((l) => l.changed)
  const plain = changed.filter((l) => !l.mark)
  const first = new Set((plain.length ? plain : changed).slice(0, most))
  const line = ({ changed: _c, mark: _m, place: _p, ...l }: (typeof lines)[number]): Line => l
  return { shown: lines.filter((l) => first.has(l)).map(line), rest: lines.filter((l) => !first.has(l)).map(line) }
}
