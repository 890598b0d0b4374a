/** 谁可以办。Which roles a part of a page is for, as the service's policy has it (internal/api/policy.go); the service decides. */
import { computed } from 'vue'
import { role, type Schemas } from './api/client'

type Role = Schemas['Role']
const bureaus: Role[] = ['bureau', 'bureau_lead']
const townships: Role[] = ['township_clerk', 'township_lead']
const departments: Role[] = ['agriculture', 'forestry', 'water', 'environment']

export const deciders = {
  people: ['admin', 'auditor'],
  changePeople: ['admin'],
  audit: ['admin', 'auditor', 'bureau_lead', 'government'],
  tolerances: ['bureau_lead', 'admin'],
  retire: [...townships, ...bureaus],
  /** 装载调查、图层、表、高程模型：a township loads its own declarations only. */
  layers: bureaus,
  declare: [...townships, ...bureaus],
  /** 编制、命名、互动调整。 */
  plan: bureaus,
  /** What shows the whole county: no township's. */
  county: [...bureaus, ...departments, 'government', 'auditor', 'admin'],
  measureForTownship: townships,
  measureForCounty: bureaus,
  signForTownship: ['township_lead'],
  mend: townships,
  /** 材料、照片。 */
  file: [...townships, ...bureaus, ...departments, 'government'],
} satisfies Record<string, Role[]>

export type Right = keyof typeof deciders

/** Whether a role as the request header says it ("township_clerk/149901100") has a right. Who acts in none, where the service is open, may try everything. */
export const may = (what: Right, as: string) => as === '' || (deciders[what] as readonly string[]).includes(as.split('/')[0]!)
export const useMay = (what: Right) => computed(() => may(what, role.value))
