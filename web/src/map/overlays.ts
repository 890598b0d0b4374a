/** 叠加。What a page adds to the map as GeoJSON, and how each kind is drawn. */
import type { FeatureCollection } from 'geojson'
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl'
import { overlayLooks, type OverlayKind } from './looks'
import { hatchId, markOf } from './style'

/** 叠加图层。Features in longitude and latitude; label names a property that is written at each. */
export interface Overlay {
  id: string
  kind: OverlayKind
  data: FeatureCollection
  label?: string
}

interface Pen {
  width: number
  dash?: number[]
  fill?: number // opacity
  hatched?: true
}

const pens: Record<OverlayKind, Pen> = {
  fault: { width: 2.4, dash: [2, 1.4], fill: 0.25 },
  'plan-in': { width: 2.4, fill: 0.3 },
  'plan-out': { width: 2.4, dash: [3, 1.6], fill: 0.3 },
  refused: { width: 2, hatched: true },
  planned: { width: 2.4 },
  measured: { width: 2.4, dash: [4, 2], fill: 0.12 },
  photo: { width: 2 },
  finding: { width: 1.6, hatched: true },
  remainder: { width: 2, fill: 0.4 },
  sketch: { width: 2.6, dash: [2, 1], fill: 0.15 },
  selected: { width: 4 },
}

/** The hatches that overlays ask for. */
export const overlayHatches = Object.entries(pens).filter(([, p]) => p.hatched).map(([kind]) => ({ hatch: 'crossed' as const, colour: overlayLooks[kind as OverlayKind].colour }))

const of = (...types: string[]) => ['match', ['geometry-type'], types, true, false] as unknown as ExpressionSpecification
const polygons = of('Polygon', 'MultiPolygon')

export const sourceOf = (overlay: string) => `overlay-${overlay}`

/** The layers of an overlay, from the bottom up; all of one source. */
export function layersOf({ id, kind, label }: Pick<Overlay, 'id' | 'kind' | 'label'>): LayerSpecification[] {
  const look = overlayLooks[kind]
  const pen = pens[kind]
  const base = { source: sourceOf(id), metadata: { overlay: id } }
  const layers: LayerSpecification[] = [
    // A fill is there for each kind, if only to be clicked at.
    { ...base, id: `${id}~fill`, type: 'fill', filter: polygons, paint: pen.hatched ? { 'fill-pattern': hatchId({ hatch: 'crossed', colour: look.colour }) } : { 'fill-color': look.colour, 'fill-opacity': pen.fill ?? 0 } },
  ]
  if (kind === 'selected') layers.push({ ...base, id: `${id}~casing`, type: 'line', paint: { 'line-color': '#ffffff', 'line-width': 7 } })
  layers.push({ ...base, id: `${id}~line`, type: 'line', filter: of('Polygon', 'MultiPolygon', 'LineString', 'MultiLineString'), paint: { 'line-color': look.colour, 'line-width': pen.width, ...(pen.dash ? { 'line-dasharray': pen.dash } : {}) } })
  layers.push({
    ...base, id: `${id}~point`, type: 'symbol', filter: of('Point', 'MultiPoint'),
    layout: {
      'icon-image': markOf(look), 'icon-allow-overlap': true,
      // A photo without a direction is not drawn as if it looked north.
      ...(kind === 'photo' ? { 'icon-image': ['case', ['has', 'bearing'], markOf(look), markOf({ mark: 'blank', colour: look.colour })] as unknown as ExpressionSpecification, 'icon-rotate': ['coalesce', ['get', 'bearing'], 0] as unknown as ExpressionSpecification, 'icon-rotation-alignment': 'map' as const } : {}),
    },
  })
  if (label) {
    layers.push({
      ...base, id: `${id}~label`, type: 'symbol',
      layout: { 'text-field': ['to-string', ['get', label]], 'text-font': ['Noto Sans CJK SC'], 'text-size': 12, 'text-offset': [0, 1.1], 'text-anchor': 'top' },
      paint: { 'text-color': look.colour, 'text-halo-color': '#ffffff', 'text-halo-width': 1.6 },
    })
  }
  return layers
}
