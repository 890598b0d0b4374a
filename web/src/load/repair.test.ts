import { expect, test } from 'vitest'
import { shapeOf } from './repair'

// MULTIPOLYGON(((0 0,1 0,1 1,0 0))) as PostGIS writes it: SELECT ST_AsBinary(...)
const triangle = '0106000000010000000103000000010000000400000000000000000000000000000000000000000000000000f03f0000000000000000000000000000f03f000000000000f03f00000000000000000000000000000000'

test('a repair is drawn where the report says', () => {
  expect(shapeOf(triangle, ([x, y]) => [x + 110, y + 36])).toEqual({ type: 'MultiPolygon', coordinates: [[[[110, 36], [111, 36], [111, 37], [110, 36]]]] })
  expect(shapeOf(triangle.slice(0, -8), (p) => p)).toBeUndefined()
  expect(shapeOf('0101000000000000000000000000000000000000f0', (p) => p)).toBeUndefined()
})
