/** What the page calls the opinions and states that the service names by codes. */
import type { Schemas } from '../api/client'

/** 部门意见。 */
export type OpinionName = 'agree' | 'agree_with_conditions' | 'disagree'
export const opinionNames: Record<OpinionName, string> = { agree: '同意', agree_with_conditions: '有条件同意', disagree: '不同意' }

export const exemptNames: Record<Schemas['Exempt'], string> = { ecological: '生态退耕', disaster: '灾毁', flooding: '自然淹没' }
