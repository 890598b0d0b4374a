/** 图幅。A printed sheet: its scale, its frame and the ticks along it. Lengths on paper are millimetres. */
import type { Box } from './bounds'

export interface Paper {
  zh: string
  width: number
  height: number
  css: string
}
export const papers = {
  a4: { zh: 'A4 横', width: 297, height: 210, css: 'A4 landscape' },
  a3: { zh: 'A3 横', width: 420, height: 297, css: 'A3 landscape' },
} as const satisfies Record<string, Paper>

export const margin = 10
/** The room beside the map for the legend, above it for the title, below it for sources. */
export const beside = 58
export const above = 15
export const below = 17
/** The room around the map's frame for the coordinates of its ticks. */
export const rim = 5

export const frameOf = (p: Paper) => ({ width: p.width - 2 * margin - beside - 2 * rim, height: p.height - 2 * margin - above - below - 2 * rim })

const pixel = 25.4 / 96 // a CSS pixel, mm
const equator = 40_075_016.686

/** The zoom at which a Mercator map of 512-pixel tiles has the scale 1:n at a latitude on paper. */
export const zoomFor = (n: number, lat: number) => Math.log2((equator * Math.cos((lat * Math.PI) / 180)) / (512 * ((n * pixel) / 1000)))
/** The n of the scale 1:n of a view on paper, in the middle of the sheet. */
export const scaleOf = (zoom: number, lat: number) => ((equator * Math.cos((lat * Math.PI) / 180)) / (512 * 2 ** zoom) / pixel) * 1000

export interface Tick {
  /** Millimetres from the left, or from the top. */
  at: number
  text: string
}

/** Steps of ticks in seconds of arc. */
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]

/** 111°40′15″ */
export function dms(seconds: number): string {
  const s = Math.round(seconds)
  return `${Math.floor(s / 3600)}°${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}′${String(s % 60).padStart(2, '0')}″`
}

function between(low: number, high: number, most: number): number[] {
  const step = steps.find((s) => (high - low) * 3600 <= s * most) ?? 7200
  const out = []
  for (let s = Math.ceil((low * 3600 - 1e-6) / step) * step; s <= high * 3600 + 1e-6; s += step) out.push(s)
  return out
}

const mercator = (lat: number) => Math.asinh(Math.tan((lat * Math.PI) / 180))

/** The ticks of longitude along the top and bottom of a frame, and of latitude along its sides. */
export function ticksOf([west, south, east, north]: Box, frame: { width: number; height: number }): { x: Tick[]; y: Tick[] } {
  const [low, high] = [mercator(south), mercator(north)]
  return {
    x: between(west, east, Math.floor(frame.width / 32)).map((s) => ({ at: ((s / 3600 - west) / (east - west)) * frame.width, text: dms(s) })),
    y: between(south, north, Math.floor(frame.height / 32)).map((s) => ({ at: ((high - mercator(s / 3600)) / (high - low)) * frame.height, text: dms(s) })),
  }
}
