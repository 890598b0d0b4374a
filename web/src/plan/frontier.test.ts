import { describe, expect, it } from 'vitest'
import { boundCurve } from './frontier'

describe('boundCurve', () => {
  // λ = 1: cost ≥ 100 − x; λ = 3: cost ≥ 160 − 3x. They meet at x = 30, cost 70.
  const points = [{ lambda: 1, bound: 100 }, { lambda: 3, bound: 160 }]
  it('follows the higher line and turns where they meet', () => expect(boundCurve(points, 10, 50)).toEqual([[10, 130], [30, 70], [50, 50]]))
  it('does not turn where a third line is higher', () => expect(boundCurve([...points, { lambda: 2, bound: 140 }], 10, 50)).toEqual([[10, 130], [20, 100], [40, 60], [50, 50]]))
  it('has no curve without a bound', () => expect(boundCurve([{ lambda: 1 }], 0, 1)).toEqual([]))
})
