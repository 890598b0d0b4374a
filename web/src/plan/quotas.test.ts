import { describe, expect, it } from 'vitest'
import { bounded, boundsOf, typedArea, type Amount, type Quota } from './quotas'

const east: Amount = { town: '149901100', direction: 'in', measure: 'area' }
const quotas: Quota[] = [
  { township: '149901100', direction: 'in', measure: 'area', min_m2: '100.00', max_m2: '900.00' },
  { direction: 'out', measure: 'paddy', max_m2: '5.00' },
  { township: '149901100', direction: 'in', measure: 'area', min_m2: '90.00', max_m2: '800.50' },
]

describe('boundsOf', () => {
  it('is the tightest of all that is asked of one amount', () => expect(boundsOf(quotas, east)).toEqual({ min_m2: '100.00', max_m2: '800.50' }))
  it('is of that township, direction and measure alone', () => expect([boundsOf(quotas, { ...east, town: '' }), boundsOf(quotas, { ...east, measure: 'paddy' })]).toEqual([{}, {}]))
})

describe('bounded', () => {
  it('changes one bound, and says once what was said twice', () =>
    expect(bounded(quotas, east, 'min_m2', '7.00')).toEqual([{ township: '149901100', direction: 'in', measure: 'area', min_m2: '7.00', max_m2: '800.50' }, quotas[1]]))
  it('takes a quota away with its last bound', () => expect(bounded([quotas[1]!], { town: '', direction: 'out', measure: 'paddy' }, 'max_m2', undefined)).toEqual([]))
  it('adds one for the county, without a township', () => expect(bounded([], { town: '', direction: 'out', measure: 'area' }, 'max_m2', '1.00')).toEqual([{ direction: 'out', measure: 'area', max_m2: '1.00' }]))
})

describe('typedArea', () => {
  it.each([['10', 'mu', '6666.67'], ['1.5', 'mu', '1000.00'], ['0.0001', 'ha', '1.00'], ['1,234.5', 'm2', '1234.50'], ['0', 'mu', '0.00'], ['0.005', 'm2', '0.01']] as const)('%s %s is %s m²', (text, unit, m2) =>
    expect(typedArea(text, unit)).toEqual({ m2 }))
  it('is no bound where nothing is typed', () => expect(typedArea('  ', 'mu')).toEqual({}))
  it.each(['-1', '1e3', '十', '1.2.3', '1/2'])('says that %s is no area', (text) => expect(typedArea(text, 'mu').wrong).toContain(`“${text}”`))
})
