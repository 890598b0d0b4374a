/** 谁可以办。Which roles a part of the page is for, as the service's policy has it; the service decides. */
import { computed } from 'vue'
import { role, type Schemas } from '../api/client'

export const deciders: Record<'people' | 'changePeople' | 'audit' | 'tolerances' | 'retire', Schemas['Role'][]> = {
  people: ['admin', 'auditor'],
  changePeople: ['admin'],
  audit: ['admin', 'auditor', 'bureau_lead', 'government'],
  tolerances: ['bureau_lead', 'admin'],
  retire: ['township_clerk', 'township_lead', 'bureau', 'bureau_lead'],
}

/** Who acts in no role, where the service is open, may try everything. */
export const useMay = (what: keyof typeof deciders) => computed(() => role.value === '' || deciders[what].includes(role.value.split('/')[0] as Schemas['Role']))
