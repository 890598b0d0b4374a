/**
 * 坐标。Positions as the bureau writes them: longitude and latitude on CGCS2000 (which
 * a map of WGS 84 tiles takes for the same: they differ by centimetres), and easting
 * and northing in metres in the county's three-degree Gauss-Krüger zone.
 */
import proj4 from 'proj4'

export type LonLat = [number, number]

/** 三度带。A three-degree zone of CGCS2000; prefixed says that eastings begin with the zone's number. */
export interface Zone {
  number: number
  prefixed: boolean
}

/** The zone of EPSG 4513–4533 (with prefix) or 4534–4554 (without); undefined for any other code. */
export function zoneOf(epsg: number): Zone | undefined {
  if (epsg >= 4513 && epsg <= 4533) return { number: epsg - 4513 + 25, prefixed: true }
  if (epsg >= 4534 && epsg <= 4554) return { number: epsg - 4534 + 25, prefixed: false }
  return undefined
}

/** The zone's name as survey documents write it. */
export const zoneName = (z: Zone) => `CGCS2000 3°带 中央经线${3 * z.number}°`

const definition = (z: Zone) => `+proj=tmerc +lat_0=0 +lon_0=${3 * z.number} +k=1 +x_0=${z.prefixed ? z.number * 1_000_000 + 500_000 : 500_000} +y_0=0 +ellps=GRS80 +units=m +no_defs`

/** Projects between longitude and latitude in degrees and the zone's plane: easting, northing in metres. */
export function plane(z: Zone): { forward(p: LonLat): [number, number]; inverse(p: [number, number]): LonLat } {
  // CGCS2000's ellipsoid is that of GRS 80 to a tenth of a millimetre.
  const way = proj4('+proj=longlat +ellps=GRS80 +no_defs', definition(z))
  return { forward: (p) => way.forward(p), inverse: (p) => way.inverse(p) }
}

/** 111.667543°E 36.245581°N: six decimals are some 0.1 m. */
export function degreesText([lon, lat]: LonLat): string {
  const one = (v: number, plus: string, minus: string) => `${Math.abs(v).toFixed(6)}°${v < 0 ? minus : plus}`
  return `${one(lon, 'E', 'W')} ${one(lat, 'N', 'S')}`
}

/** X is the northing and Y the easting, as Chinese survey sheets have them; metres. */
export const planeText = ([easting, northing]: [number, number]) => `X ${northing.toFixed(1)} Y ${easting.toFixed(1)} m`
