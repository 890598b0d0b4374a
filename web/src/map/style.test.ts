import { createExpression, validateStyleMin } from '@maplibre/maplibre-gl-style-spec'
import { expect, test } from 'vitest'
import { boxOf, isBox } from './bounds'
import { hatches, hatchTile } from './hatch'
import { overlayLooks, type OverlayKind, type State } from './looks'
import { layersOf, overlayHatches, sourceOf } from './overlays'
import { declaredOf, pickedOf } from './pick'
import { barOf, metresPerPixel, round125 } from './scalebar'
import { atFirst, constraintsOf, hatchId, lookHatches, marks, parcelFilters, planLook, sourceFor, styleOf, versioned, type Legend, type ServiceStyle } from './style'

const legend: Legend = {
  classes: [{ code: '0101', name: '水田', colour: '#f8d072' }, { code: '0103', name: '旱地', colour: '#fffbb1' }],
  overlays: [
    { collection: 'STBHHX', title: '生态保护红线 STBHHX', colour: '#d7191c' }, { collection: 'TRHJ', title: '土壤 TRHJ', colour: '#a6611a' }, { collection: 'YDXM', title: '用地 YDXM', colour: '#a6611a' },
    { collection: 'candidates_out', title: '转出', colour: '#e66101' }, { collection: 'candidates_in', title: '转进', colour: '#0b5fff' }, { collection: 'townships', title: '乡镇', colour: '#555555' },
  ],
  other: '#f0f0f0', source: '合成',
}
const service: ServiceStyle = { sources: { county: { tiles: ['http://elsewhere.example/ogc/149901/xyz/{z}/{x}/{y}.pbf'], bounds: [111, 36, 112, 37], maxzoom: 18 } } }
const style = styleOf(service, legend, 'https://gengheng.example', 2025)

test('the style keeps to the specification, with every kind of overlay laid', () => {
  const laid = structuredClone(style)
  for (const kind of Object.keys(overlayLooks) as OverlayKind[]) {
    laid.sources[sourceOf(kind)] = { type: 'geojson', data: { type: 'FeatureCollection', features: [] } }
    laid.layers.push(...layersOf({ id: kind, kind, label: 'name' }))
  }
  for (const [kind, { layers }] of Object.entries(versioned)) {
    laid.sources[kind] = sourceFor(service, 'https://gengheng.example', `${kind}=1`)
    laid.layers.push(...layers())
  }
  expect(validateStyleMin(laid).map((e) => e.message)).toEqual([])
})

test('tiles are asked for where the page came from, and land classes are one layer', () => {
  for (const s of Object.values(style.sources)) expect((s as { tiles: string[] }).tiles[0]).toMatch(/^https:\/\/gengheng\.example\/ogc\/149901\/xyz\/\{z\}\/\{x\}\/\{y\}\.pbf\?collections=/)
  expect(style.layers.filter((l) => l.type === 'fill' && l['source-layer'] === 'parcels')).toHaveLength(1)
})

test('every layer has a source whose tiles hold it, and what is shown at first comes in few of them', () => {
  const holds = (name: string) => new URL((style.sources[name] as { tiles: string[] }).tiles[0]!).searchParams.get('collections')!.split(',')
  const used = new Set<string>()
  for (const l of style.layers) {
    if (!('source' in l) || !('source-layer' in l)) continue
    expect(holds(l.source)).toContain(String(l['source-layer']).replace(/_label$/, ''))
    if (atFirst.includes(String(l['source-layer']))) used.add(l.source)
  }
  expect([...used].sort()).toEqual(['control', 'survey', 'work'])
})

test('layers of one colour differ in their hatch', () => {
  const [a, b] = constraintsOf(legend).filter((c) => c.colour === '#a6611a')
  expect(a!.hatch).not.toBe(b!.hatch)
})

test('a hatch leaves most of the ground free, and no two are alike', () => {
  const tiles = hatches.map((h) => [...hatchTile(h, '#d7191c').data])
  for (const t of tiles) {
    const inked = t.filter((v, i) => i % 4 === 3 && v > 0).length / (t.length / 4)
    expect(inked).toBeGreaterThan(0.05)
    expect(inked).toBeLessThan(0.3)
  }
  expect(new Set(tiles.map(String)).size).toBe(hatches.length)
})

test("a plan's parcels are coloured by what their tiles say, and otherwise where it was changed since", () => {
  const changed = new Map<string, State>([['in/A1', 'chosen'], ['in/A2', 'locked-in'], ['out/A1', 'locked-out'], ['in/A3', 'chosen']])
  const { mark } = planLook(changed)
  expect(mark.slice(2, 4)).toEqual([['in/A1', 'in/A3'], 'mark check #1b6e3c square'])
  expect(mark.at(-1)).toEqual(planLook(undefined).mark) // what was not changed, and what is merged
  const of = (properties: Record<string, unknown>, look: unknown) => {
    const made = createExpression(look, 'layers[0].layout.icon-image')
    if (made.result === 'error') throw new Error(JSON.stringify(made.value))
    return made.value.evaluate({ zoom: 10 }, { type: 3, properties } as never)
  }
  expect(of({ direction: 'in', number: 'A2', state: 'not' }, mark)).toBe('mark lock #0b4f9e square')
  expect(of({ direction: 'out', number: 'A2', state: 'not' }, mark)).toBe('mark blank #6b6b74 square')
  expect(of({ direction: 'in', state: 'refused', merged: true }, mark)).toBe('mark cross #b3261e square')
})

test('what is forbidden is drawn over what is in order, and its mark comes first where there is no room for all', () => {
  const layer = (id: string) => style.layers.find((l) => l.id === id) as unknown as { layout: Record<string, readonly unknown[]> }
  const rank = (e: readonly unknown[], verdict: string) => Number(e[e.indexOf(verdict) + 1])
  for (const id of ['candidates_in', 'candidates_out']) {
    const [fill, line, mark] = [layer(`${id}-fill`).layout['fill-sort-key']!, layer(`${id}-line`).layout['line-sort-key']!, layer(`${id}-mark`).layout['symbol-sort-key']! as unknown as ['-', unknown[]]]
    for (const other of ['eligible', 'eligible_after_clip', 'needs_review', 'unknown']) {
      expect(rank(fill, 'forbidden')).toBeGreaterThan(rank(fill, other))
      expect(rank(line, 'forbidden')).toBeGreaterThan(rank(line, other))
      expect([mark[0], rank(mark[1], 'forbidden') > rank(mark[1], other)]).toEqual(['-', true])
    }
  }
})

test('a mark of what is forbidden gives way to no other, of either direction', () => {
  const at = (id: string) => style.layers.findIndex((l) => l.id === id)
  const overlaps = (id: string) => (style.layers[at(id)] as unknown as { layout: Record<string, unknown> }).layout['icon-allow-overlap'] === true
  for (const d of ['in', 'out']) {
    // What stands higher in the style is placed first.
    for (const other of ['in', 'out']) expect(at(`candidates_${d}-forbidden`)).toBeGreaterThan(at(`candidates_${other}-mark`))
    expect([overlaps(`candidates_${d}-forbidden`), overlaps(`candidates_${d}-mark`)]).toEqual([true, false])
  }
  // Each parcel has its mark in one of the two layers, if it is wanted at all.
  const drawn = (properties: Record<string, unknown>, verdicts?: string[]) =>
    Object.entries(parcelFilters(2025, verdicts)).filter(([, filter]) => {
      const made = createExpression(filter as never, 'filter')
      if (made.result === 'error') throw new Error(JSON.stringify(made.value))
      return made.value.evaluate({ zoom: 12 }, { type: 3, properties } as never)
    }).map(([end]) => end)
  expect(drawn({ year: 2025, verdict: 'forbidden' })).toEqual(['fill', 'line', 'forbidden'])
  expect(drawn({ year: 2025, verdict: 'eligible' })).toEqual(['fill', 'line', 'mark'])
  expect(drawn({ year: 2025 })).toEqual(['fill', 'line', 'mark'])
  expect(drawn({ year: 2024, verdict: 'forbidden' })).toEqual([])
  expect([drawn({ year: 2025, verdict: 'forbidden' }, ['eligible']), drawn({ year: 2025, verdict: 'forbidden' }, ['forbidden'])]).toEqual([[], ['fill', 'line', 'forbidden']])
})

test('what the style asks for by name exists: marks and hatches', () => {
  const known = new Set([...marks().map((m) => m.id), ...[...constraintsOf(legend), ...lookHatches, ...overlayHatches].map(hatchId)])
  const asked = JSON.stringify([style.layers, versioned.run.layers(), versioned.plan.layers(), ...Object.keys(overlayLooks).map((k) => layersOf({ id: k, kind: k as OverlayKind }))]).match(/(mark|hatch) \w+ #[0-9a-f]{6}( \w+)?/g)!
  expect(asked.length).toBeGreaterThan(20)
  for (const id of asked) expect(known).toContain(id)
})

test('findings and the parcels of a plan lead to the declared parcel; what is merged leads nowhere', () => {
  const at = (collection: string, properties: Record<string, unknown>, merged = false) => declaredOf({ collection, properties, merged })
  expect(at('findings', { direction: 'out', number: '甲/7', clause: 'OUT-01' })).toEqual({ direction: 'out', number: '甲/7' })
  expect(at('plan_parcels', { direction: 'in', number: 'A1' })).toEqual({ direction: 'in', number: 'A1' })
  expect(at('candidates_in', { SBBH: 'A1' })).toEqual({ direction: 'in', number: 'A1' })
  expect([at('plan_parcels', { state: 'chosen', direction: 'in' }, true), at('parcels', { BSM: '1' }), at('findings', { direction: 'up', number: '1' })]).toEqual([undefined, undefined, undefined])
})

test('what was picked is said once, topmost first, also where a label was hit', () => {
  const layer = (collection: string) => ({ layer: { metadata: { collection } } })
  const picked = pickedOf([
    { ...layer('candidates_in'), properties: { SBBH: 'A1', year: 2025 } }, { ...layer('candidates_in'), properties: { SBBH: 'A1', year: 2025 } },
    { ...layer('parcels'), id: 7, properties: { DLBM: '0101' } }, { layer: {}, properties: {} }, { ...layer('STBHHX'), properties: { merged: true } },
  ])
  expect(picked.map((p) => [p.collection, p.merged])).toEqual([['candidates_in', false], ['parcels', false], ['STBHHX', true]])
})

test('a scale bar is as long as it says', () => {
  expect(round125(730)).toBe(500)
  expect(round125(200)).toBe(200)
  // A pixel of a 512-pixel tile at zoom 0 on the equator.
  expect(metresPerPixel(0, 0)).toBeCloseTo(78271.517, 2)
  const bar = barOf(36.24, 13.7)
  expect(bar.pixels * metresPerPixel(36.24, 13.7)).toBeCloseTo(bar.metres, 6)
  expect(bar.pixels).toBeLessThanOrEqual(120)
})

test('a box is around all of a shape, and nothing has none', () => {
  expect(boxOf({ type: 'FeatureCollection', features: [{ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [[[1, 2], [3, 2], [3, 5], [1, 2]]] } }, { type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: [0, 9] } }] })).toEqual([0, 2, 3, 9])
  expect(boxOf({ type: 'FeatureCollection', features: [] })).toBeUndefined()
  expect(isBox([1, 2, 3, 4])).toBe(true)
  expect(isBox([3, 2, 1, 4])).toBe(false)
})
