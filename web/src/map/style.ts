/**
 * 图式。The map's style, made from the style and the legend that the service gives
 * (one table of colours): the many layers of land classes become one, constraint
 * layers an outline with a hatch, declared parcels are coloured by verdict or by what
 * a plan makes of them.
 */
import type { ExpressionSpecification, FilterSpecification, LayerSpecification, StyleSpecification, VectorSourceSpecification } from 'maplibre-gl'
import type { Box } from './bounds'
import { hatches, type Ground, type Hatch, type Mark } from './hatch'
import { findingLooks, overlayLooks, pendingLook, stateLooks, verdictLooks, type State } from './looks'

/** /ogc/{county}/legend.json */
export interface Legend {
  classes: { code: string; name: string; colour: string; note?: string }[]
  overlays: { collection: string; title: string; colour: string }[]
  other: string
  source: string
}

/** /ogc/{county}/style.json, as far as it is needed. */
export interface ServiceStyle {
  sources: { county: { tiles: string[]; bounds?: Box; maxzoom: number } }
}

/** 约束图层。A constraint layer as it is drawn. */
export interface ConstraintLook {
  id: string
  title: string
  colour: string
  hatch: Hatch
}

/** Collections that are no constraint layers. */
const own = ['parcels', 'candidates_in', 'candidates_out', 'townships', 'findings', 'remainders', 'plan_parcels']

/** Collections that are shown at first: the survey, what was declared, and the three control lines. */
export const atFirst = ['parcels', 'candidates_in', 'candidates_out', 'townships', 'STBHHX', 'YJJBNTTB', 'CZKFBJ']

/** The hatches of the three control lines, which are often seen together. */
const fixed: Record<string, Hatch> = { YJJBNTTB: 'rising', STBHHX: 'crossed', CZKFBJ: 'upright' }

/** The constraint layers of a county, each with the hatch that it always has there. */
export function constraintsOf(legend: Legend): ConstraintLook[] {
  const list = legend.overlays.filter((o) => !own.includes(o.collection)).sort((a, b) => (a.collection < b.collection ? -1 : 1))
  // Layers of the same colour get different hatches.
  const used = new Map<string, number>()
  return list.map((o) => {
    const n = used.get(o.colour) ?? [...o.collection].reduce((sum, c) => sum + c.charCodeAt(0), 0)
    used.set(o.colour, n + 1)
    return { id: o.collection, title: o.title, colour: o.colour, hatch: fixed[o.collection] ?? hatches[n % hatches.length]! }
  })
}

const expression = (v: unknown[]) => v as unknown as ExpressionSpecification
type Marked = { mark: Mark; colour: string; ground?: Ground }
export const markOf = ({ mark, colour, ground }: Marked) => `mark ${mark} ${colour}${ground ? ` ${ground}` : ''}`
export const hatchId = (c: { hatch: Hatch; colour: string }) => `hatch ${c.hatch} ${c.colour}`

/** The marks that the style asks for by name. */
export function marks(): ({ id: string } & Marked)[] {
  const looks: Marked[] = [...Object.values(verdictLooks), pendingLook, ...Object.values(stateLooks), ...Object.values(findingLooks), ...Object.values(overlayLooks), { mark: 'blank' as const, colour: overlayLooks.photo.colour }]
  return [...new Map(looks.map((l) => [markOf(l), { ...l, id: markOf(l) }])).values()]
}
/** The hatches that findings and states are drawn with. */
export const lookHatches = [...Object.values(findingLooks), ...Object.values(stateLooks)]

type Direction = 'in' | 'out'

/** An expression that is one thing of each declared parcel's look, by its verdict: its colour, or its mark. */
const byVerdict = (pick: (look: Marked) => string) =>
  expression(['match', ['get', 'verdict'], ...Object.entries(verdictLooks).flatMap(([name, look]) => [name, pick(look)]), pick(pendingLook)])

/** One thing of the look of a plan's parcel: by the state that its tile gives, or by another one where it was changed since. */
function byState(changed: ReadonlyMap<string, State> | undefined, pick: (look: Marked & { hatch: Hatch }) => string): ExpressionSpecification {
  const { not, ...others } = stateLooks
  const own = ['match', ['get', 'state'], ...Object.entries(others).flatMap(([name, look]) => [name, pick(look)]), pick(not)]
  const keys = new Map<State, string[]>()
  for (const [key, state] of changed ?? []) {
    const list = keys.get(state)
    if (list) list.push(key) // no copy: there may be 100,000
    else keys.set(state, [key])
  }
  if (keys.size === 0) return expression(own)
  return expression(['match', ['concat', ['get', 'direction'], '/', ['coalesce', ['get', 'number'], '']], ...[...keys].flatMap(([state, list]) => [list, pick(stateLooks[state])]), own])
}

/** The paint and layout of a plan's parcels; changed are states by "in/number" or "out/number" that differ from the plan's own. */
export function planLook(changed: ReadonlyMap<string, State> | undefined) {
  return { colour: byState(changed, (l) => l.colour), mark: byState(changed, markOf), hatch: byState(changed, hatchId) }
}

/** Which declared parcels are drawn: those of the year, of these verdicts if any are named. At small scales a tile holds them merged, without a year. */
export function parcelFilter(year: number, verdicts: readonly string[] | undefined): FilterSpecification {
  const ofYear = ['any', ['!', ['has', 'year']], ['==', ['get', 'year'], year]]
  if (!verdicts) return expression(ofYear)
  return expression(['all', ofYear, ['in', ['coalesce', ['get', 'verdict'], 'pending'], ['literal', [...verdicts]]]])
}

/**
 * The filters of a direction's layers. What is forbidden has its marks in a layer of its
 * own: whether marks may overlap is said of a layer, not of a parcel.
 */
export function parcelFilters(year: number, verdicts: readonly string[] | undefined) {
  const wanted = parcelFilter(year, verdicts)
  const marked = (is: '==' | '!=') => expression(['all', wanted, [is, ['get', 'verdict'], 'forbidden']]) as FilterSpecification
  return { fill: wanted, line: wanted, mark: marked('!='), forbidden: marked('==') }
}

/** Fills whose edge a line is drawn along: smoothing that edge too has each of them drawn twice, and by programs of its own. */
const plainEdge = { 'fill-antialias': false }

const font = ['Noto Sans CJK SC']
const halo = { 'text-color': '#1d2721', 'text-halo-color': '#ffffff', 'text-halo-width': 1.4 }

function survey(legend: Legend): LayerSpecification[] {
  const colour = expression(['match', ['get', 'DLBM'], ...legend.classes.flatMap((c) => [c.code, c.colour]), legend.other])
  const base = { source: 'survey', 'source-layer': 'parcels', metadata: { collection: 'parcels' } }
  return [
    { ...base, id: 'parcels-fill', type: 'fill', minzoom: 8, paint: { 'fill-color': colour, ...plainEdge } },
    { ...base, id: 'parcels-line', type: 'line', minzoom: 14, paint: { 'line-color': '#8a8a8a', 'line-width': 0.5 } },
  ]
}

/** The layers that are shown at first come in one tile, the others each in its own when it is shown. */
const sourceOfLayer = (id: string) => (atFirst.includes(id) ? 'control' : `layer-${id}`)

function constraint(c: ConstraintLook): LayerSpecification[] {
  const base = { source: sourceOfLayer(c.id), 'source-layer': c.id, metadata: { collection: c.id } }
  return [
    { ...base, id: `${c.id}-fill`, type: 'fill', paint: { 'fill-pattern': hatchId(c), ...plainEdge } },
    { ...base, id: `${c.id}-line`, type: 'line', paint: { 'line-color': c.colour, 'line-width': ['interpolate', ['linear'], ['zoom'], 9, 0.6, 12, 1, 15, 2] } },
  ]
}

const lineWidth = (far: number, near: number) => expression(['interpolate', ['linear'], ['zoom'], 9, far, 15, near])
/** What is amiss is drawn over what is not, and its mark comes before others where there is no room for all. */
const worse: Record<string, number> = { eligible: 0, eligible_after_clip: 1, needs_review: 2, unknown: 3, forbidden: 4 }
const rank = expression(['match', ['get', 'verdict'], ...Object.entries(worse).flat(), 0])
/** From afar parcels in order have a hairline: hundreds of full outlines hide the others and the ground. */
const parcelLine = (() => {
  const at = (fine: number, others: number) => ['match', ['get', 'verdict'], 'eligible', fine, others]
  return expression(['interpolate', ['linear'], ['zoom'], 9, at(0.3, 0.9), 12, at(0.6, 1.6), 14, at(2, 2.2), 15, 2.4])
})()
const markSize = expression(['interpolate', ['linear'], ['zoom'], 11, 0.55, 15, 0.9])

function parcels(direction: Direction, year: number): LayerSpecification[] {
  const id = `candidates_${direction}`
  const colour = byVerdict((l) => l.colour)
  const base = { source: 'work', 'source-layer': id, metadata: { collection: id }, filter: parcelFilter(year, undefined) }
  return [
    { ...base, id: `${id}-fill`, type: 'fill', layout: { 'fill-sort-key': rank }, paint: { 'fill-color': colour, 'fill-opacity': lineWidth(0.42, 0.28), ...plainEdge } },
    { ...base, id: `${id}-line`, type: 'line', layout: { 'line-sort-key': rank }, paint: { 'line-color': colour, 'line-width': parcelLine, ...(direction === 'out' ? { 'line-dasharray': [3, 1.6] } : {}) } },
  ]
}

/** Marks of verdicts. Where there is no room for all, the worst remain; a mark of what is forbidden always does, and pushes others aside. */
function parcelMarks(direction: Direction, end: 'mark' | 'forbidden', year: number): LayerSpecification {
  const id = `candidates_${direction}`
  return {
    id: `${id}-${end}`, type: 'symbol', source: 'work', 'source-layer': `${id}_label`, minzoom: 11, metadata: { collection: id }, filter: parcelFilters(year, undefined)[end],
    layout: {
      'icon-image': byVerdict(markOf), 'icon-size': markSize, 'symbol-sort-key': expression(['-', rank]), ...(end === 'forbidden' ? { 'icon-allow-overlap': true } : {}),
      'text-field': ['step', ['zoom'], '', 14, ['get', 'SBBH']], 'text-font': font, 'text-size': 11, 'text-offset': [0, 1.1], 'text-anchor': 'top', 'text-optional': true,
    },
    paint: halo,
  }
}

/** 筛查发现：where a parcel meets a clause, by severity. */
function findings(): LayerSpecification[] {
  const base = { source: 'run', 'source-layer': 'findings', metadata: { collection: 'findings' } }
  const { block, ...others } = findingLooks
  const of = (pick: (l: (typeof findingLooks)[keyof typeof findingLooks]) => string) => expression(['match', ['get', 'severity'], ...Object.entries(others).flatMap(([name, l]) => [name, pick(l)]), pick(block)])
  return [
    { ...base, id: 'findings-fill', type: 'fill', paint: { 'fill-pattern': of(hatchId), ...plainEdge } },
    { ...base, id: 'findings-line', type: 'line', paint: { 'line-color': of((l) => l.colour), 'line-width': lineWidth(0.8, 1.8) } },
    {
      ...base, id: 'findings-mark', type: 'symbol', 'source-layer': 'findings_label', minzoom: 13,
      layout: { 'icon-image': of(markOf), 'icon-size': markSize, 'icon-offset': [0, -31], 'text-field': ['step', ['zoom'], '', 15, ['get', 'clause']], 'text-font': font, 'text-size': 11, 'text-offset': [0, -3], 'text-anchor': 'bottom', 'text-optional': true },
      paint: halo,
    },
  ]
}

/** 方案地块：what a plan makes of each parcel, at every zoom. */
function planParcels(): LayerSpecification[] {
  const base = { source: 'plan', 'source-layer': 'plan_parcels', metadata: { collection: 'plan_parcels' } }
  const { colour, mark, hatch } = planLook(undefined)
  const way = (direction: Direction) => expression(['==', ['get', 'direction'], direction])
  return [
    { ...base, id: 'plan_parcels-fill', type: 'fill', paint: { 'fill-color': colour, 'fill-opacity': 0.32, ...plainEdge } },
    // Where parcels are merged there is no room for a mark: states differ by their hatch as well.
    { ...base, id: 'plan_parcels-hatch', type: 'fill', maxzoom: 12, paint: { 'fill-pattern': hatch, ...plainEdge } },
    { ...base, id: 'plan_parcels-line', type: 'line', filter: way('in'), paint: { 'line-color': colour, 'line-width': lineWidth(0.9, 2.8) } },
    { ...base, id: 'plan_parcels-out', type: 'line', filter: way('out'), paint: { 'line-color': colour, 'line-width': lineWidth(0.9, 2.8), 'line-dasharray': [3, 1.6] } },
    { ...base, id: 'plan_parcels-mark', type: 'symbol', 'source-layer': 'plan_parcels_label', minzoom: 11, layout: { 'icon-image': mark, 'icon-size': markSize, 'icon-offset': [31, 0] } },
  ]
}

/** Tiles of the service that a query narrows. */
export function sourceFor(service: ServiceStyle, origin: string, query: string): VectorSourceSpecification {
  const { tiles, bounds, maxzoom } = service.sources.county
  const root = new URL(tiles[0]!.replace(/\/xyz\/.*$/, ''), origin).pathname
  return { type: 'vector', tiles: [`${origin}${root}/xyz/{z}/{x}/{y}.pbf?${query}`], maxzoom, ...(bounds ? { bounds } : {}) }
}

/** 筛查发现与方案地块：collections of one screening or one plan, from the bottom up; they come and go with its id. */
export const versioned = {
  plan: { collection: 'plan_parcels', layers: planParcels },
  run: { collection: 'findings', layers: findings },
} as const

/** The style of a county's map. origin is this page's: tiles are asked for where the page came from. */
export function styleOf(service: ServiceStyle, legend: Legend, origin: string, year: number): StyleSpecification {
  const source = (collections: string[]) => sourceFor(service, origin, `collections=${collections.join(',')}`)
  const constraints = constraintsOf(legend)
  const has = (id: string) => legend.overlays.some((o) => o.collection === id)
  return {
    version: 8,
    sources: {
      survey: source(['parcels']),
      work: source(['candidates_in', 'candidates_out', 'townships'].filter(has)),
      ...Object.fromEntries(constraints.map((c) => sourceOfLayer(c.id)).map((name) => [name, source(constraints.filter((c) => sourceOfLayer(c.id) === name).map((c) => c.id))])),
    },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': '#f6f7f5' } },
      ...survey(legend),
      ...constraints.flatMap(constraint),
      ...(has('candidates_out') ? parcels('out', year) : []),
      ...(has('candidates_in') ? parcels('in', year) : []),
      ...(has('townships') ? townships() : []),
      { id: 'overlays', type: 'background', layout: { visibility: 'none' } }, // overlays go below this one
      { id: 'parcels-label', type: 'symbol', source: 'survey', 'source-layer': 'parcels_label', minzoom: 15, metadata: { collection: 'parcels' }, layout: { 'text-field': ['get', 'DLBM'], 'text-font': font, 'text-size': 11 }, paint: halo },
      // The topmost are placed first: what is forbidden of either direction before all others of both.
      ...(['mark', 'forbidden'] as const).flatMap((end) => (['out', 'in'] as const).filter((d) => has(`candidates_${d}`)).map((d) => parcelMarks(d, end, year))),
      ...(has('townships') ? [townshipNames()] : []),
    ],
  }
}

function townships(): LayerSpecification[] {
  const base = { source: 'work', 'source-layer': 'townships', metadata: { collection: 'townships' } }
  return [
    { ...base, id: 'townships-casing', type: 'line', paint: { 'line-color': '#ffffff', 'line-width': 4, 'line-opacity': 0.7 } },
    { ...base, id: 'townships-line', type: 'line', paint: { 'line-color': '#3b3b3b', 'line-width': 1.6, 'line-dasharray': [6, 2, 1, 2] } },
  ]
}

function townshipNames(): LayerSpecification {
  return {
    id: 'townships-label', type: 'symbol', source: 'work', 'source-layer': 'townships_label', maxzoom: 15, metadata: { collection: 'townships' },
    layout: { 'text-field': ['get', 'XZQMC'], 'text-font': font, 'text-size': 15, 'text-letter-spacing': 0.1, 'text-padding': 8 },
    paint: { ...halo, 'text-halo-width': 2 },
  }
}

/** The collection that a layer of the style belongs to. */
export const collectionOf = (layer: { metadata?: unknown }): string | undefined => (layer.metadata as { collection?: string } | undefined)?.collection
