/** 图面。Colours and marks of what is drawn over the survey; land classes and layers have theirs from the service. */
import type { Schemas } from '../api/client'
import type { Ground, Hatch, Mark } from './hatch'

export interface Look {
  zh: string
  en: string
  colour: string
  mark: Mark
  ground?: Ground
}

/** 筛查结论：颜色与符号。 */
export const verdictLooks: Record<Schemas['VerdictName'], Look> = {
  eligible: { zh: '符合', en: 'eligible', colour: '#1b6e3c', mark: 'check' },
  eligible_after_clip: { zh: '裁剪后符合', en: 'after clipping', colour: '#1f6fb2', mark: 'clip' },
  needs_review: { zh: '需人工核定', en: 'needs review', colour: '#9a6300', mark: 'question' },
  forbidden: { zh: '禁止', en: 'forbidden', colour: '#b3261e', mark: 'cross' },
  unknown: { zh: '资料不全', en: 'data missing', colour: '#5f5f68', mark: 'blank' },
}

/** 还没有结论。 */
export const pendingLook: Look = { zh: '待筛查', en: 'not screened', colour: '#3f3f46', mark: 'blank' }

/** 方案中的状态：选用、未选、锁定。What a plan makes of a parcel. */
export const stateLooks = {
  chosen: { zh: '选用', en: 'chosen', colour: '#1b6e3c', mark: 'check', ground: 'square', hatch: 'rising' },
  not: { zh: '未选用', en: 'not chosen', colour: '#6b6b74', mark: 'blank', ground: 'square', hatch: 'dotted' },
  'locked-in': { zh: '锁定选用', en: 'locked in', colour: '#0b4f9e', mark: 'lock', ground: 'square', hatch: 'crossed' },
  'locked-out': { zh: '锁定不用', en: 'locked out', colour: '#8a1c5c', mark: 'lock', ground: 'square', hatch: 'falling' },
  refused: { zh: '不能选用', en: 'not possible', colour: '#b3261e', mark: 'cross', ground: 'square', hatch: 'upright' },
} as const satisfies Record<string, Look & { hatch: Hatch }>

export type State = keyof typeof stateLooks

/** 筛查发现：按程度分颜色、花纹与符号。Findings by severity. */
export const findingLooks = {
  block: { zh: '禁止', en: 'forbidden', colour: '#c51b7d', mark: 'cross', ground: 'diamond', hatch: 'crossed' },
  manual: { zh: '人工核定', en: 'to be reviewed', colour: '#7a4f00', mark: 'question', ground: 'diamond', hatch: 'rising' },
  warn: { zh: '提示', en: 'warning', colour: '#4f4fa8', mark: 'fault', ground: 'diamond', hatch: 'falling' },
  score: { zh: '评分', en: 'score', colour: '#3f6f6a', mark: 'blank', ground: 'diamond', hatch: 'dotted' },
} as const satisfies Record<string, Look & { hatch: Hatch }>

/** Kinds of overlays that a page may add; see overlays.ts for how each is drawn. */
export const overlayLooks = {
  fault: { zh: '问题位置', en: 'fault', colour: '#b3261e', mark: 'fault' },
  'plan-in': { zh: '方案转进', en: 'planned in', colour: '#1b6e3c', mark: 'check' },
  'plan-out': { zh: '方案转出', en: 'planned out', colour: '#9a4b12', mark: 'check' },
  refused: { zh: '不能选用', en: 'refused', colour: '#b3261e', mark: 'cross' },
  planned: { zh: '方案边界', en: 'planned boundary', colour: '#1d2721', mark: 'blank' },
  measured: { zh: '实测边界', en: 'measured boundary', colour: '#0b4f9e', mark: 'blank' },
  photo: { zh: '照片与朝向', en: 'photo and its direction', colour: '#6a1b9a', mark: 'arrow' },
  finding: { zh: '占用部分', en: 'overlap', colour: '#c51b7d', mark: 'fault' },
  remainder: { zh: '可用部分', en: 'usable part', colour: '#00695c', mark: 'check' },
  sketch: { zh: '试算地块', en: 'what-if', colour: '#0b57d0', mark: 'blank' },
  selected: { zh: '选中', en: 'selected', colour: '#0b57d0', mark: 'blank' },
} as const satisfies Record<string, Look>

export type OverlayKind = keyof typeof overlayLooks
