import { expect, test } from 'vitest'
import { degreesText, plane, planeText, zoneOf } from './coordinates'

// The planes of PostGIS (ST_Transform from 4490), to 0.1 mm.
test.each([
  [4546, 111.667543, 36.245587, 560001.38359, 4012999.98376],
  [4525, 111.667543, 36.245587, 37560001.38359, 4012999.98376],
  [4546, 110.1, 33.2, 416080.98775, 3675290.20672],
  [4546, 112.4, 40.9, 617968.80347, 4530411.75058],
])('in EPSG:%i', (epsg, lon, lat, easting, northing) => {
  const z = plane(zoneOf(epsg)!)
  const [e, n] = z.forward([lon, lat])
  expect(Math.abs(e - easting)).toBeLessThan(1e-4)
  expect(Math.abs(n - northing)).toBeLessThan(1e-4)
  const [x, y] = z.inverse([e, n])
  expect(Math.abs(x - lon)).toBeLessThan(1e-9)
  expect(Math.abs(y - lat)).toBeLessThan(1e-9)
})

test('a code that is no zone has none', () => {
  for (const epsg of [4490, 4512, 4555, 3857]) expect(zoneOf(epsg)).toBeUndefined()
})

test('positions are written as survey sheets have them', () => {
  expect(degreesText([111.667543, 36.245587])).toBe('111.667543°E 36.245587°N')
  expect(planeText([560001.38, 4012999.98])).toBe('X 4013000.0 Y 560001.4 m')
})
