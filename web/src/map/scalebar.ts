/** 比例尺。A bar of a round length, true at a latitude of a Mercator map. */

/** Metres on the ground of one pixel of the page at zoom levels of 512-pixel tiles. */
export const metresPerPixel = (lat: number, zoom: number) => (40_075_016.686 * Math.cos((lat * Math.PI) / 180)) / (512 * 2 ** zoom)

/** The longest of 1, 2, 5 times a power of ten that is not above the limit. */
export function round125(limit: number): number {
  const power = 10 ** Math.floor(Math.log10(limit))
  const lead = limit / power
  return (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * power
}

export interface Bar {
  metres: number
  pixels: number
  text: string
}

/** The bar for a map: at most so many pixels long. */
export function barOf(lat: number, zoom: number, most = 120): Bar {
  const each = metresPerPixel(lat, zoom)
  const metres = round125(each * most)
  return { metres, pixels: metres / each, text: metres >= 1000 ? `${metres / 1000} km` : `${metres} m` }
}
