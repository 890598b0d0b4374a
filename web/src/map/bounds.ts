/** 范围。Bounding boxes in degrees: west, south, east, north. */
import type { Feature, FeatureCollection, Geometry, Position } from 'geojson'

export type Box = [number, number, number, number]

/** Anything of GeoJSON, or nothing. */
export type Shape = Geometry | Feature | FeatureCollection | null | undefined

function* positionsOf(shape: Shape): Generator<Position> {
  if (!shape) return
  switch (shape.type) {
    case 'FeatureCollection':
      for (const f of shape.features) yield* positionsOf(f)
      return
    case 'Feature':
      yield* positionsOf(shape.geometry)
      return
    case 'GeometryCollection':
      for (const g of shape.geometries) yield* positionsOf(g)
      return
    default:
      yield* leaves(shape.coordinates)
  }
}

function* leaves(v: Position | Position[] | Position[][] | Position[][][]): Generator<Position> {
  if (typeof v[0] === 'number') yield v as Position
  else for (const one of v as Position[][]) yield* leaves(one)
}

/** The box around all positions; undefined where there is none. */
export function boxOf(shape: Shape): Box | undefined {
  let box: Box | undefined
  for (const [x, y] of positionsOf(shape)) {
    if (x === undefined || y === undefined) continue
    box ??= [x, y, x, y]
    box = [Math.min(box[0], x), Math.min(box[1], y), Math.max(box[2], x), Math.max(box[3], y)]
  }
  return box
}

/** The box around rings in longitude and latitude, such as a township's. */
export const boxOfRings = (rings: [number, number][][]): Box | undefined => boxOf({ type: 'MultiLineString', coordinates: rings })

/** Whether something is a box: four numbers in order, on the globe. */
export function isBox(v: unknown): v is Box {
  return Array.isArray(v) && v.length === 4 && v.every((n) => Number.isFinite(n)) && v[0] <= v[2] && v[1] <= v[3] && Math.abs(v[0]) <= 180 && Math.abs(v[2]) <= 180 && Math.abs(v[1]) <= 90 && Math.abs(v[3]) <= 90
}
