import { expect, test } from 'vitest'
import { left, sideOf } from './balance'

test('a township that took from another is in balance by that', () => {
  const side = sideOf({
    township_code: '149901104', measure: 'area', planned_in_m2: '211.20', accepted_in_m2: '211.20', recognised_in_m2: '200.00',
    planned_out_m2: '681.73', executed_out_m2: '681.73', recognised_out_m2: '681.73', transferred_in_m2: '483.53', transferred_out_m2: '0.00', carried_in_m2: '-10.00',
  })
  expect(left(side, 'accepted')).toBe(300n) // 211.20 − 681.73 + 483.53 − 10.00
  expect(left(side, 'recognised')).toBe(-820n)
  expect(side.owed).toBe(0n)
})
