/** 版本的先后。Which version another takes the place of, and which years' screenings have not read it. */
import type { Schemas } from '../api/client'
import { laterThan } from '../balance'

type Dataset = Schemas['Dataset']

/** 申报。Declarations are loaded on their own page, and each is of its own year alone. */
export const isDeclaration = (kind: string) => kind === 'CANDIDATE_IN' || kind === 'CANDIDATE_OUT'

/** What a file of each form may be. */
export const forms: Record<Schemas['Layer']['form'], { accept: string; zh: string }> = {
  polygons: { accept: '.zip,.gpkg,.geojson,.json,.fgb', zh: 'shapefile 的 zip（.shp、.shx、.dbf、.prj 一起，GBK、UTF-8 均可）、.gdb 文件夹的 zip、GeoPackage、GeoJSON、FlatGeobuf' },
  raster: { accept: '.tif,.tiff', zh: '一个波段的 GeoTIFF，正北向上，县平面坐标系，高程单位米' },
  table: { accept: '.csv,.xlsx', zh: 'CSV（UTF-8、GBK 均可）或 xlsx' },
}

export interface Standing {
  /** 同一年度此前的现行版本，由它代替。 */
  replaced: Dataset | undefined
  /** Where the year had none: what the year's screenings read until then, of a year before. */
  before: Dataset | undefined
  /** The next year that has a version of its own, which stays. */
  next: number | undefined
}

/** Where a version stands among the others of its kind, as they were when it was committed; one that is still to be loaded, as they are now. */
export function standingOf(of: { kind: string; year: number; scope: string; dataset_id?: string; committed_at?: string }, versions: readonly Dataset[]): Standing {
  const then = of.committed_at === undefined ? Infinity : +new Date(of.committed_at)
  const inForce = (d: Dataset) => d.committed_at !== undefined && +new Date(d.committed_at) < then && (d.retired_at === undefined ? d.status === 'committed' : +new Date(d.retired_at) > then)
  const others = versions.filter((d) => d.kind === of.kind && d.scope === of.scope && d.dataset_id !== of.dataset_id && inForce(d))
    .sort((a, b) => b.year - a.year || +new Date(b.committed_at!) - +new Date(a.committed_at!))
  const replaced = others.find((d) => d.year === of.year)
  if (isDeclaration(of.kind)) return { replaced, before: undefined, next: undefined }
  return { replaced, before: replaced ? undefined : others.find((d) => d.year < of.year), next: others.filter((d) => d.year > of.year).at(-1)?.year }
}

/**
 * The years whose newest screening answers by other data than would be read now, on account
 * of this version: one in force that it has not read, or one taken out of force that it has.
 * read are the years whose newest screening has read it. Runs come newest first.
 */
export function screenedBy(of: Dataset, current: readonly Dataset[], runs: readonly Schemas['Screening'][]): { stale: number[]; read: number[] } {
  const newest = new Map<number, Schemas['Screening']>()
  for (const run of runs) if (run.status === 'done' && !newest.has(run.year)) newest.set(run.year, run)
  const stale: number[] = []
  const read: number[] = []
  for (const [year, run] of [...newest].sort(([a], [b]) => b - a)) {
    const has = run.datasets.some((d) => d['dataset_id'] === of.dataset_id)
    if (of.status === 'retired' ? has : laterThan(run, [...current]).some((d) => d.dataset_id === of.dataset_id)) stale.push(year)
    else if (has) read.push(year)
  }
  return { stale, read }
}

/** 七参数。Seven numbers from what was typed; undefined where it is something else. */
export function sevenOf(text: string): number[] | undefined {
  const parts = text.trim().split(/[\s,，;；、]+/)
  const numbers = parts.map(Number)
  return parts.length === 7 && numbers.every(Number.isFinite) ? numbers : undefined
}

/** The extent of a version's summary (least and greatest easting and northing, metres) in words; "" where there is none. */
export function extentText(summary: Record<string, unknown>): string {
  const e = summary['extent']
  if (!Array.isArray(e) || e.length !== 4 || !e.every((v) => typeof v === 'number')) return ''
  const [east, north, east2, north2] = e as [number, number, number, number]
  const metres = (v: number) => v.toFixed(0).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  const long = (v: number) => (v < 1000 ? `${v.toFixed(0)} m` : `${(v / 1000).toFixed(2)} km`)
  return `东 ${metres(east)}–${metres(east2)}，北 ${metres(north)}–${metres(north2)} m（东西 ${long(east2 - east)}，南北 ${long(north2 - north)}）`
}

/** A height model's cells in words; "" where the version is none. */
export function rasterText(summary: Record<string, unknown>): string {
  const r = summary['raster'] as { width: number; height: number; cell_x_m: number; lowest_m: number; highest_m: number } | undefined
  return r ? `${r.width} × ${r.height} 像元，每像元 ${r.cell_x_m} m，高程 ${r.lowest_m.toFixed(1)}–${r.highest_m.toFixed(1)} m` : ''
}
