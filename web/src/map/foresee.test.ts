import { expect, test } from 'vitest'
import { fitting, sameBox, seen } from './foresee'

test('a view is as wide and high as the map', () => {
  const v = seen({ width: 512, height: 512 }, [0, 0], 0)
  expect(v.box!.map((n) => Math.round(n * 1e6) / 1e6)).toEqual([-180, -85.051129, 180, 85.051129])
  const near = seen({ width: 600, height: 400 }, [111.667986, 36.245567], 9.76)
  const degree = 360 / (512 * 2 ** 9.76)
  expect(near.box![2] - near.box![0]).toBeCloseTo(600 * degree, 9)
  expect((near.box![3] - near.box![1]) / degree / Math.cos((36.245567 * Math.PI) / 180)).toBeCloseTo(400, 1)
})

test('a box fits with its margin, and no nearer or farther than is allowed', () => {
  const size = { width: 700, height: 600 }
  const wide = fitting(size, [111, 36, 112, 36.2], 30, [6, 17])
  const margin = (30 * 360) / (512 * 2 ** wide.zoom)
  expect(wide.box![0]).toBeCloseTo(111 - margin, 9)
  expect(wide.box![2]).toBeCloseTo(112 + margin, 9)
  const tall = fitting(size, [111, 35, 111.1, 37], 30, [6, 17])
  expect(tall.box![1]).toBeLessThan(35)
  expect(tall.box![3]).toBeGreaterThan(37)
  expect(fitting(size, [111, 36, 111, 36], 30, [6, 17]).zoom).toBe(17)
  expect(fitting(size, [-180, -80, 180, 80], 30, [6, 17]).zoom).toBe(6)
  expect(fitting({ width: 20, height: 20 }, [111, 36, 112, 37], 30, [6, 17]).zoom).toBe(6)
})

test('boxes are the same but for their last digits', () => {
  expect(sameBox([1, 2, 3, 4], [1 + 1e-9, 2, 3, 4])).toBe(true)
  expect(sameBox([1, 2, 3, 4], [1.00001, 2, 3, 4])).toBe(false)
  expect(sameBox(undefined, undefined)).toBe(false)
})
