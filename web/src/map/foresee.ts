/**
 * 首个图面。The view that a map will begin with, before its program is there: what is in
 * view is counted, and tiles are named, while that is still being fetched.
 */
import type { Box } from './bounds'
import type { View } from './pick'

export interface Sight {
  width: number
  height: number
}
/** No map of ours is seen from farther away than this. */
export const farthest = 6

const tile = 512 // the world's width at zoom 0, in pixels, as MapLibre counts zooms

// Web Mercator, the world from 0 to 1, y downwards.
const across = (lon: number) => lon / 360 + 0.5
const down = (lat: number) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI)
const longitude = (x: number) => (x - 0.5) * 360
const latitude = (y: number) => (Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) * 360) / Math.PI - 90

/** What a map of a size shows around a centre. */
export function seen({ width, height }: Sight, center: readonly [number, number], zoom: number): View {
  const [x, y] = [across(center[0]), down(center[1])]
  const half = (pixels: number) => pixels / 2 / (tile * 2 ** zoom)
  return { center: [center[0], center[1]], zoom, box: [longitude(x - half(width)), latitude(y + half(height)), longitude(x + half(width)), latitude(y - half(height))] }
}

/** The view into which a box fits, with a margin in pixels, no nearer than a zoom and no farther than another. */
export function fitting(size: Sight, box: Box, margin: number, [farthest, nearest]: readonly [number, number]): View {
  const [west, east, south, north] = [across(box[0]), across(box[2]), down(box[1]), down(box[3])]
  const room = (pixels: number, wanted: number) => Math.log2(Math.max(1, pixels - 2 * margin) / (tile * Math.max(wanted, 1e-12)))
  const zoom = Math.max(farthest, Math.min(nearest, room(size.width, east - west), room(size.height, south - north)))
  return seen(size, [longitude((west + east) / 2), latitude((south + north) / 2)], zoom)
}

/** Whether two boxes are the same to a centimetre: what is foreseen differs in its last digits. */
export const sameBox = (a: Box | undefined, b: Box | undefined) => a !== undefined && b !== undefined && a.every((v, i) => Math.abs(v - b[i]!) < 1e-7)
