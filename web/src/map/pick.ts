/** 点选。What lies at a point of the map. */
import type { Box } from './bounds'
import type { LonLat } from './coordinates'
import { collectionOf } from './style'

/** Where the map looks: zoom is of 512-pixel tiles. */
export interface View {
  center: LonLat
  zoom: number
  box?: Box
}

/** A feature at a point, of one of the county's collections or of an overlay of the page. */
export interface Picked {
  collection?: string
  overlay?: string
  id?: string | number
  properties: Record<string, unknown>
  /** A merged feature stands for many, at small scales: zoom in to pick one. */
  merged: boolean
}

/** A feature as it was drawn, as far as it matters here. */
interface Drawn {
  layer: { metadata?: unknown }
  id?: string | number | undefined
  properties: Record<string, unknown>
}

export interface Pick {
  at: LonLat
  features: Picked[]
}

/** The features behind what was drawn, each once, topmost first. A label counts as its feature. */
export function pickedOf(features: Drawn[]): Picked[] {
  const seen = new Map<string, Picked>()
  for (const f of features) {
    const collection = collectionOf(f.layer)
    const overlay = (f.layer.metadata as { overlay?: string } | undefined)?.overlay
    if (collection === undefined && overlay === undefined) continue
    const name = f.properties['SBBH'] ?? f.id ?? JSON.stringify(f.properties)
    const id = `${collection ?? ''}|${overlay ?? ''}|${String(name)}`
    if (seen.has(id)) continue
    seen.set(id, {
      ...(collection === undefined ? {} : { collection }), ...(overlay === undefined ? {} : { overlay }), ...(f.id === undefined ? {} : { id: f.id }),
      properties: f.properties, merged: f.properties['merged'] === true,
    })
  }
  return [...seen.values()]
}

/** The declared parcel that a feature is, or speaks of: declared, found of, planned. */
export function declaredOf({ collection, properties, merged }: Picked): { direction: 'in' | 'out'; number: string } | undefined {
  if (merged) return undefined
  const text = (name: string) => (properties[name] == null ? '' : String(properties[name]))
  if (collection === 'candidates_in' || collection === 'candidates_out') return text('SBBH') ? { direction: collection === 'candidates_in' ? 'in' : 'out', number: text('SBBH') } : undefined
  if (collection !== 'findings' && collection !== 'plan_parcels') return undefined
  const direction = text('direction')
  return (direction === 'in' || direction === 'out') && text('number') ? { direction, number: text('number') } : undefined
}
