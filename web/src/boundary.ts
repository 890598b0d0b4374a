/**
 * 量测边界。A measured boundary as people have it: GeoJSON, or points copied from a
 * survey sheet, with or without the heads of the [地块坐标] files. It is only read
 * here; whether it is a sound polygon the service says.
 */
import type { MultiPolygon, Polygon, Position } from 'geojson'

export interface Boundary {
  geometry: Polygon | MultiPolygon
  /** EPSG code: 4490 for longitude and latitude, else the county's own zone. */
  epsg: number
}

/** What cannot be read, said for a person. */
export class Unreadable extends Error {}

/**
 * Reads a boundary. srid is the county's plane, a zone without prefix (EPSG 4534 to
 * 4554); eastings that begin with the number of that zone are known by their size, and
 * so is which of two figures is the northing.
 */
export function boundaryOf(text: string, srid: number): Boundary {
  const trimmed = text.replace(/^\ufeff/, '').trim()
  if (!trimmed) throw new Unreadable('没有坐标。请粘贴坐标或选择文件。 There are no coordinates.')
  return trimmed.startsWith('{') ? fromJSON(trimmed, srid) : fromPoints(trimmed, srid)
}

interface Shaped {
  type?: string
  coordinates?: unknown
  geometry?: Shaped
  features?: Shaped[]
}

function fromJSON(text: string, srid: number): Boundary {
  let given: Shaped
  try {
    given = JSON.parse(text) as Shaped
  } catch {
    throw new Unreadable('不是有效的 GeoJSON。请重新导出，或粘贴坐标。 This is no valid GeoJSON.')
  }
  const shapes = given.type === 'FeatureCollection' ? (given.features ?? []).map((f) => f.geometry) : [given.type === 'Feature' ? given.geometry : given]
  const parts: Position[][][] = []
  for (const g of shapes) {
    if (g?.type === 'Polygon') parts.push(g.coordinates as Position[][])
    else if (g?.type === 'MultiPolygon') parts.push(...(g.coordinates as Position[][][]))
    else throw new Unreadable(`边界须是面，文件里有 ${g?.type ?? '没有几何的要素'}。 A boundary is made of polygons.`)
  }
  const first = parts[0]?.[0]?.[0]
  if (!first) throw new Unreadable('GeoJSON 里没有面。 There is no polygon in it.')
  return { geometry: shaped(parts), epsg: placed(first[0]!, first[1]!, srid, 0).epsg }
}

const shaped = (parts: Position[][][]): Polygon | MultiPolygon => (parts.length === 1 ? { type: 'Polygon', coordinates: parts[0]! } : { type: 'MultiPolygon', coordinates: parts })

/** Points line by line. An empty line, a line that ends in @, or another ring number begins another ring: the first is the outer one, the others are holes. */
function fromPoints(text: string, srid: number): Boundary {
  const rings: Position[][] = []
  let ring: Position[] = []
  let number = ''
  let epsg = 0
  const close = () => {
    if (ring.length > 0) rings.push(ring)
    ring = []
  }
  text.split(/\r\n|\r|\n/).forEach((raw, i) => {
    const line = raw.trim()
    if (line === '' || line.endsWith('@')) return close()
    if (line.startsWith('[') || line.includes('=')) return
    const cells = line.split(/[,，;；\s]+/).filter(Boolean)
    const figures = cells.slice(-2).map(Number)
    if (figures.length < 2 || figures.some((v) => !Number.isFinite(v))) throw new Unreadable(`第 ${i + 1} 行“${line.slice(0, 40)}”不是坐标：每行一个点，最后两项为坐标。 Line ${i + 1} is no point.`)
    const of = cells.length > 3 ? cells[1]! : ''
    if (of !== number) close()
    number = of
    const point = placed(figures[0]!, figures[1]!, srid, i + 1)
    if (epsg && epsg !== point.epsg) throw new Unreadable(`第 ${i + 1} 行与前面的坐标系不同。 Line ${i + 1} is in another system than those before.`)
    epsg = point.epsg
    ring.push(point.at)
  })
  close()
  for (const r of rings) {
    if (r.length < 3) throw new Unreadable('一圈至少三个点。 A ring has three points at least.')
    const [a, b] = [r[0]!, r.at(-1)!]
    if (a[0] !== b[0] || a[1] !== b[1]) r.push([...a])
  }
  if (rings.length === 0) throw new Unreadable('没有坐标。 There are no coordinates.')
  return { geometry: { type: 'Polygon', coordinates: rings }, epsg }
}

// Northings in China are 1.8 to 6 million metres, eastings without prefix below 1
// million, with prefix 25 to 46 million; longitudes 73° to 136°, latitudes below 54°.
function placed(a: number, b: number, srid: number, line: number): { at: Position; epsg: number } {
  const where = line ? `第 ${line} 行` : '坐标'
  const degrees = (lon: number, lat: number) => lon >= 73 && lon <= 136 && lat >= 3 && lat <= 54
  if (degrees(a, b)) return { at: [a, b], epsg: 4490 }
  if (degrees(b, a)) {
    if (line === 0) throw new Unreadable('GeoJSON 的坐标须先经度后纬度。 In GeoJSON the longitude comes first.')
    return { at: [b, a], epsg: 4490 }
  }
  const northing = (v: number) => v >= 1_800_000 && v <= 6_000_000
  const [east, north] = northing(b) && !northing(a) ? [a, b] : [b, a]
  if (!northing(north) || (line === 0 && north === a)) throw new Unreadable(`${where} ${a}, ${b} 看不出是经纬度还是三度带坐标。 It is neither degrees nor metres of a zone.`)
  if (east > 100_000 && east < 1_000_000) return { at: [east, north], epsg: srid }
  const zone = Math.floor(east / 1_000_000)
  if (zone === srid - 4534 + 25) return { at: [east, north], epsg: srid - 21 }
  throw new Unreadable(`${where}的东坐标 ${east} 不在本县的三度带（${srid - 4534 + 25} 带）。 The easting is of another zone.`)
}
