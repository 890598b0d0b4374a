import { expect, test } from 'vitest'
import { furthest, laterThan, left, shortOf, sideOf } from './balance'

test('a township that took from another is in balance by that', () => {
  const side = sideOf({
    township_code: '149901104', measure: 'area', planned_in_m2: '211.20', accepted_in_m2: '211.20', recognised_in_m2: '200.00',
    planned_out_m2: '681.73', executed_out_m2: '681.73', recognised_out_m2: '681.73', transferred_in_m2: '483.53', transferred_out_m2: '0.00', carried_in_m2: '-10.00',
  })
  expect(left(side, 'accepted')).toBe(300n) // 211.20 − 681.73 + 483.53 − 10.00
  expect(left(side, 'recognised')).toBe(-820n)
  expect(side.owed).toBe(0n)
})

test('a year is judged by the furthest stage that anything has reached', () => {
  const at = (more: object) => [sideOf({ township_code: '', measure: 'area', planned_in_m2: '1.00', planned_out_m2: '1.00', ...more })]
  expect(furthest(at({}))).toBe('planned')
  expect(furthest(at({ executed_out_m2: '0.01' }))).toBe('accepted')
  expect(furthest(at({ accepted_in_m2: '1.00', recognised_in_m2: '0.50' }))).toBe('recognised')
  expect(furthest([])).toBe('planned')
})

test('a township that is short is named, the worst first, and only of what is enforced', () => {
  const of = (township_code: string, measure: 'area' | 'paddy' | 'quality', recognised_in_m2: string) => sideOf({ township_code, measure, recognised_in_m2, recognised_out_m2: '10.00' })
  const sides = [of('149901100', 'area', '9.00'), of('149901101', 'area', '10.00'), of('149901102', 'area', '2.00'), of('149901102', 'quality', '0.00')]
  expect(shortOf(sides, 'recognised', ['area', 'paddy']).map((s) => `${s.township} ${s.left}`)).toEqual(['149901102 -800', '149901100 -100'])
})

test('data that came after a screening are told from those it has read', () => {
  const run = { year: 2025, datasets: [{ dataset_id: 'red-2024' }, { dataset_id: 'in-a' }] }
  const red = { dataset_id: 'red-2024', kind: 'STBHHX', scope: '', year: 2024 }
  const a = { dataset_id: 'in-a', kind: 'CANDIDATE_IN', scope: '149901100', year: 2025 }
  // An older year's version, one of a later year, and another year's declaration are not read by this screening.
  const other = [
    { ...red, dataset_id: 'red-2023', year: 2023 }, { ...red, dataset_id: 'red-2026', year: 2026 },
    { ...a, dataset_id: 'in-2024', year: 2024 }, { ...a, dataset_id: 'in-2026', year: 2026 },
  ]
  expect(laterThan(run, [red, a, ...other])).toEqual([])
  expect(laterThan(run, [{ ...red, dataset_id: 'red-2025', year: 2025 }, red, a]).map((d) => d.dataset_id)).toEqual(['red-2025'])
  expect(laterThan(run, [red, a, { ...a, dataset_id: 'in-b', scope: '149901101' }]).map((d) => d.dataset_id)).toEqual(['in-b'])
})
