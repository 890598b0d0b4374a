/** 量测。Lengths of geodesics on the ellipsoid of CGCS2000; areas are the service's, by the official formula. */
import geodesic from 'geographiclib-geodesic'
import { sendJSON } from '../api/client'
import type { LonLat } from './coordinates'

const ellipsoid = new geodesic.Geodesic.Geodesic(6_378_137, 1 / 298.257222101)

/** The length of a line in metres. */
export function lengthOf(points: readonly LonLat[]): number {
  let sum = 0
  for (let i = 1; i < points.length; i++) {
    const [[lon1, lat1], [lon2, lat2]] = [points[i - 1]!, points[i]!]
    sum += ellipsoid.Inverse(lat1, lon1, lat2, lon2).s12 ?? 0
  }
  return sum
}

export const lengthText = (metres: number) => (metres < 1000 ? `${metres.toFixed(1)} m` : `${(metres / 1000).toFixed(3)} km`)

/** 椭球面积。The area of a ring that is not closed, m² with two decimals, by TD/T 1055-2019: the service's process. */
export async function areaOf(county: string, ring: readonly LonLat[]): Promise<string> {
  const geometry = { type: 'Polygon', coordinates: [[...ring, ring[0]]] }
  return (await sendJSON<{ area_m2: string }>(`/ogc/${county}/processes/area/execution`, { inputs: { geometry } })).area_m2
}
