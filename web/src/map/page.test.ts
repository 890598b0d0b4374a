import { expect, test } from 'vitest'
import { chosenFrom, chosenText, layersFrom, layersText, viewFrom, viewText } from './address'
import { lengthOf, lengthText } from './measure'
import { dms, frameOf, papers, scaleOf, ticksOf, zoomFor } from './sheet'
import { drawing, useSketch } from './sketch'
import { atFirst } from './style'

test('a view comes back from the address, and what is none is none', () => {
  const view = viewFrom(viewText({ center: [111.6675432, 36.2455807], zoom: 13.2 }))!
  expect(view).toEqual({ center: [111.667543, 36.245581], zoom: 13.2 })
  for (const bad of ['', '1,2', '200,36,10', '111,89,10', '111,36,99', '111,36,x', 'NaN,36,10', '111,36,10,']) expect(viewFrom(bad), bad).toBeUndefined()
})

test('layers in the address: those at first need none, none at all is said', () => {
  expect(layersText(atFirst)).toBeUndefined()
  expect(layersFrom('')).toEqual(atFirst)
  expect(layersFrom(layersText([])!)).toEqual([])
  expect(layersFrom(layersText(['parcels', 'JBCY'])!)).toEqual(['parcels', 'JBCY'])
  expect(layersFrom('parcels,"><script>')).toEqual(['parcels'])
})

test('what is picked comes back from the address, also where a number holds a slash', () => {
  for (const c of [{ kind: 'in', number: '甲/7' }, { kind: 'parcel', bsm: '149901100100001100' }] as const) expect(chosenFrom(chosenText(c))).toEqual(c)
  for (const bad of ['', 'in', 'in/', 'up/7', `in/${'9'.repeat(81)}`]) expect(chosenFrom(bad)).toBeUndefined()
})

// PostGIS: ST_Length of the geography, whose ellipsoid differs by 0.1 mm.
test('a length is that of geodesics', () => {
  expect(lengthOf([[111.6, 36.2], [111.71, 36.28], [111.65, 36.3]])).toBeCloseTo(19117.0107, 2)
  expect(lengthOf([[111.65, 36.24], [111.651, 36.24]])).toBeCloseTo(89.8897, 3)
  expect(lengthOf([[111.65, 36.24]])).toBe(0)
  expect(lengthText(999.94)).toBe('999.9 m')
  expect(lengthText(1234.5)).toBe('1.234 km')
})

test('a sketch takes points until it is done, and is no area of two', () => {
  const s = useSketch()
  s.add([1, 1]) // nothing was begun
  expect(s.points.value).toEqual([])
  s.start('area')
  s.add([1, 1])
  s.add([2, 1])
  s.add([2, 1]) // the second click of a double click
  expect(s.finish()).toBe(false)
  s.add([2, 2])
  expect(s.finish()).toBe(true)
  s.add([9, 9])
  expect(s.points.value).toEqual([[1, 1], [2, 1], [2, 2]])
  expect(drawing(s.points.value, true, true).features[0]!.geometry).toEqual({ type: 'Polygon', coordinates: [[[1, 1], [2, 1], [2, 2], [1, 1]]] })
})

test('the sheet: its scale is what was asked for, its frame fits the paper', () => {
  for (const n of [1000, 25_000]) expect(scaleOf(zoomFor(n, 36.24), 36.24)).toBeCloseTo(n, 6)
  // 1:10,000 at 96 pixels an inch: a pixel is 2.6458 m.
  expect(40_075_016.686 * Math.cos((36.24 * Math.PI) / 180) / (512 * 2 ** zoomFor(10_000, 36.24))).toBeCloseTo(2.645833, 5)
  for (const p of Object.values(papers)) {
    const f = frameOf(p)
    expect(f.width).toBeGreaterThan(p.width * 0.6)
    expect(f.height).toBeGreaterThan(p.height * 0.6)
  }
})

test('ticks stand at whole seconds, inside the frame, where Mercator has them', () => {
  const { x, y } = ticksOf([111.65, 36.235, 111.66, 36.245], { width: 200, height: 150 })
  expect(x.map((t) => t.text)).toEqual(['111°39′00″', '111°39′10″', '111°39′20″', '111°39′30″'])
  expect(x.map((t) => Math.round(t.at))).toEqual([0, 56, 111, 167])
  expect(y.length).toBeGreaterThan(1)
  for (const t of y) expect(t.at).toBeGreaterThanOrEqual(0)
  expect(y[0]!.at).toBeGreaterThan(y.at(-1)!.at) // north is up
  // Half way in the plane of Mercator is a little north of the middle latitude.
  const tall = ticksOf([0, 0, 1, 60], { width: 100, height: 100 })
  const middle = tall.y.find((t) => t.text === '30°00′00″')!
  expect(middle.at).toBeCloseTo(100 * (1 - 0.5493061443 / 1.3169578969), 4)
  expect(dms(36.25 * 3600 + 7.4)).toBe('36°15′07″')
})
