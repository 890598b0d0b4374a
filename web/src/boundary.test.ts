import { expect, test } from 'vitest'
import { boundaryOf, Unreadable } from './boundary'

const srid = 4546 // zone 37, without prefix

test('points of a survey sheet, northing first or last, with prefix or without', () => {
  const ring = [[560546.252, 4014130.668], [560646.252, 4014130.668], [560646.252, 4014230.668], [560546.252, 4014130.668]]
  for (const text of [
    '560546.252,4014130.668\n560646.252,4014130.668\n560646.252,4014230.668',
    '4014130.668 560546.252\r\n4014130.668 560646.252\r\n4014230.668 560646.252\r\n',
    '[属性描述]\n带号=37\n[地块坐标]\n4,1.0,001,甲,面,,转进,,@\nJ1,1,4014130.668,560546.252\nJ2,1,4014130.668,560646.252\nJ3,1,4014230.668,560646.252\nJ1,1,4014130.668,560546.252',
  ]) {
    expect(boundaryOf(text, srid)).toEqual({ epsg: 4546, geometry: { type: 'Polygon', coordinates: [ring] } })
  }
  const prefixed = boundaryOf('37560546.252,4014130.668\n37560646.252,4014130.668\n37560646.252,4014230.668', srid)
  expect(prefixed.epsg).toBe(4525)
  expect(prefixed.geometry.coordinates[0]).toHaveLength(4)
})

test('degrees, holes and GeoJSON', () => {
  expect(boundaryOf('36.2455 111.6675\n36.2455 111.6685\n36.2465 111.6685', srid)).toEqual({
    epsg: 4490, geometry: { type: 'Polygon', coordinates: [[[111.6675, 36.2455], [111.6685, 36.2455], [111.6685, 36.2465], [111.6675, 36.2455]]] } })
  const ring = (n: number, a: number) => [0, 1, 2].map((i) => `J${i + 1},${n},${560000 + a * (i === 1 ? 1 : 0)},${4014000 + a * (i === 2 ? 1 : 0)}`).join('\n')
  expect(boundaryOf(`${ring(1, 100)}\n${ring(2, 10)}`, srid).geometry.coordinates).toHaveLength(2)
  const square = { type: 'Polygon', coordinates: [[[111.6, 36.2], [111.7, 36.2], [111.7, 36.3], [111.6, 36.2]]] }
  expect(boundaryOf(JSON.stringify(square), srid)).toEqual({ epsg: 4490, geometry: square })
  const feature = { type: 'Feature', properties: {}, geometry: square }
  expect(boundaryOf(JSON.stringify({ type: 'FeatureCollection', features: [feature, feature] }), srid).geometry).toEqual({ type: 'MultiPolygon', coordinates: [square.coordinates, square.coordinates] })
})

test.each([
  ['', /没有坐标/],
  ['111.66,36.24\n甲,乙\n111.67,36.25', /第 2 行/],
  ['111.66,36.24\n111.67,36.25', /至少三个点/],
  ['38560546,4014130\n38560646,4014130\n38560646,4014230', /37 带/],
  ['1,2\n3,4\n5,6', /看不出/],
  ['111.66,36.24\n560546,4014130\n111.67,36.25', /坐标系不同/],
  ['{"type":"Point","coordinates":[111,36]}', /Point/],
  ['{"type":"Polygon","coordinates":[[[36,111],[36.1,111],[36.1,111.1],[36,111]]]}', /先经度/],
  ['{nonsense', /GeoJSON/],
])('%s is refused', (text, says) => {
  expect(() => boundaryOf(text, srid)).toThrow(Unreadable)
  expect(() => boundaryOf(text, srid)).toThrow(says)
})
