/** 修复提议。What the check report proposes for a faulty boundary. */
import type { MultiPolygon, Position } from 'geojson'

export interface Repair {
  kind: string
  area_before_m2?: string
  area_after_m2?: string
  change_m2?: string
  wkb?: string
}

/**
 * Reads the hexadecimal WKB of a polygon or multipolygon in the county's plane, in
 * metres; to turns each vertex into longitude and latitude. Undefined where it is
 * something else.
 */
export function shapeOf(hex: string, to: (p: [number, number]) => [number, number]): MultiPolygon | undefined {
  const bytes = new Uint8Array((hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16)))
  const view = new DataView(bytes.buffer)
  let at = 0
  let little = true
  const int = () => view.getUint32((at += 4) - 4, little)
  const double = () => view.getFloat64((at += 8) - 8, little)
  const head = () => {
    little = view.getUint8(at++) === 1
    return int() & 0xff // the flags of EWKB stand above
  }
  const polygon = (): Position[][] => Array.from({ length: int() }, () => Array.from({ length: int() }, () => to([double(), double()])))
  try {
    const type = head()
    if (type === 3) return { type: 'MultiPolygon', coordinates: [polygon()] }
    if (type !== 6) return undefined
    return { type: 'MultiPolygon', coordinates: Array.from({ length: int() }, () => (head(), polygon())) }
  } catch (err) {
    if (err instanceof RangeError) return undefined // cut short
    throw err
  }
}
