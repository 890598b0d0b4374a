/** 图的地址。What of the map is kept in the address: the view, the layers, what is picked. */
import type { View } from './pick'
import { atFirst } from './style'

/** 111.667543,36.245581,13.20 */
export const viewText = ({ center: [lon, lat], zoom }: View) => `${lon.toFixed(6)},${lat.toFixed(6)},${zoom.toFixed(2)}`

/** The view that an address names; undefined where it names none. */
export function viewFrom(text: string): View | undefined {
  const parts = text.split(',')
  if (parts.length !== 3 || parts.some((p) => !/^-?\d{1,3}(\.\d{1,9})?$/.test(p))) return undefined
  const [lon, lat, zoom] = parts.map(Number) as [number, number, number]
  return Math.abs(lon) <= 180 && Math.abs(lat) <= 85 && zoom >= 0 && zoom <= 22 ? { center: [lon, lat], zoom } : undefined
}

/** Layers that are shown: those of the address, or those that are shown at first. "-" is none. */
export function layersFrom(text: string): string[] {
  if (text === '') return [...atFirst]
  return text.split(',').filter((id) => /^[A-Za-z][A-Za-z0-9_]{0,31}$/.test(id))
}
export function layersText(ids: readonly string[]): string | undefined {
  const same = ids.length === atFirst.length && atFirst.every((id) => ids.includes(id))
  return same ? undefined : ids.length === 0 ? '-' : ids.join(',')
}

/** 选中的对象。A declared parcel by its number, or a parcel of the survey by its BSM. */
export type Chosen = { kind: 'in' | 'out'; number: string } | { kind: 'parcel'; bsm: string }

export const chosenText = (c: Chosen) => (c.kind === 'parcel' ? `parcel/${c.bsm}` : `${c.kind}/${c.number}`)
export function chosenFrom(text: string): Chosen | undefined {
  const cut = text.indexOf('/')
  const [kind, rest] = [text.slice(0, cut), text.slice(cut + 1)]
  if (cut < 0 || rest === '' || rest.length > 80) return undefined
  if (kind === 'in' || kind === 'out') return { kind, number: rest }
  return kind === 'parcel' ? { kind, bsm: rest } : undefined
}
