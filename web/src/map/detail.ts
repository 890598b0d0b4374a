/** 地块详情。Everything about a declared parcel, or about one of the survey, as it is asked for. */
import type { Feature, FeatureCollection, Geometry } from 'geojson'
import { answer, answerIfAny, api, fetchJSON, type Schemas } from '../api/client'
import { ownTownship } from '../session'
import { directionName } from '../words'
import type { Chosen } from './address'
import type { Shape } from './bounds'
import type { Overlay } from './overlays'

type Direction = Schemas['Direction']

/** A field of a layer with its Chinese name. */
export interface NamedValue {
  name: string
  title: string
  value: string
}

/** Why a parcel is, or is not, in the year's plan. */
export interface PlanWord extends YearPlan {
  parcel: Schemas['PlanParcel']
}

/** 申报地块：verdict, findings and geometry; the record of its way through the year, where there is one. */
export async function declaredParcel(county: string, year: number, direction: Direction, number: string, signal: AbortSignal) {
  const [detail, record] = await Promise.all([
    answer(api.GET('/counties/{county}/candidates/{direction}/{number}', { params: { path: { county, direction, number }, query: { year } }, signal })),
    answerIfAny(api.GET('/counties/{county}/years/{year}/records/{direction}/{number}', { params: { path: { county, year, direction, number } }, signal })),
  ])
  return { detail, record }
}

/** 年度方案。A plan and what has become of it: approved, proposed, "" where it was not handed in; undefined to whom that is not said. */
export interface YearPlan {
  plan: Schemas['Plan']
  published: string | undefined
}

/** The plan that the year stands by: approved, else proposed, else the newest that was found. */
export async function yearPlan(county: string, year: number, signal: AbortSignal): Promise<YearPlan | undefined> {
  const [plans, published] = await Promise.all([
    answer(api.GET('/counties/{county}/plans', { params: { path: { county } }, signal })),
    // Which of them was handed in is not a township's to ask.
    ownTownship.value ? [] : answer(api.GET('/counties/{county}/years/{year}/publications', { params: { path: { county, year } }, signal })),
  ])
  const handedIn = ['approved', 'proposed'].flatMap((status) => published.filter((p) => p.status === status).sort((a, b) => b.number - a.number))[0]
  const plan = plans.find((p) => p.plan_id === handedIn?.plan_id) ?? plans.find((p) => p.year === year && p.status === 'done' && ['optimal', 'feasible'].includes(String(p.certificate['status'])))
  return plan && { plan, published: ownTownship.value ? undefined : handedIn?.plan_id === plan.plan_id ? handedIn.status : '' }
}
export const planName = ({ plan, published }: YearPlan) => `${published === undefined ? '县里的方案' : { approved: '已批准的方案', proposed: '报批中的方案' }[published] ?? '尚未报批的方案'} ${plan.plan_id.slice(0, 8)}`

/** 筛查。The year's newest screening that has finished. */
export async function yearRun(county: string, year: number, signal: AbortSignal, named = ''): Promise<Schemas['Screening'] | undefined> {
  const runs = await answer(api.GET('/counties/{county}/screenings', { params: { path: { county } }, signal }))
  const done = runs.filter((r) => r.year === year && r.status === 'done')
  return done.find((r) => r.run_id === named) ?? done[0]
}

/** What the year's plan makes of a parcel. */
export async function planWord(county: string, year: number, direction: Direction, number: string, township: string, signal: AbortSignal): Promise<PlanWord | undefined> {
  const found = await yearPlan(county, year, signal)
  if (!found) return undefined
  const { plan } = found
  let after: string | undefined
  do {
    const page: Schemas['PlanParcelPage'] = await answer(api.GET('/counties/{county}/plans/{plan_id}/parcels', {
      params: { path: { county, plan_id: plan.plan_id }, query: { direction, township, limit: 1000, ...(after ? { after } : {}) } }, signal,
    }))
    const parcel = page.items.find((p) => p.number === number)
    if (parcel) return { parcel, ...found }
    after = page.next
  } while (after)
  return undefined
}

interface SurveyPage {
  features: Feature<Geometry>[]
}
interface SurveySchema {
  properties: Record<string, { title?: string; 'x-ogc-propertySeq'?: number }>
}

/** 地类图斑：a parcel of the survey by a field of its own, with the Chinese names of its fields. */
export async function surveyParcel(county: string, field: 'BSM' | 'TBBH', value: string, signal: AbortSignal): Promise<{ feature: Feature<Geometry>; values: NamedValue[] } | undefined> {
  const root = `/ogc/${county}/collections/parcels`
  const [page, schema] = await Promise.all([fetchJSON<SurveyPage>(`${root}/items?limit=1&${field}=${encodeURIComponent(value)}`, signal), fetchJSON<SurveySchema>(`${root}/schema`, signal)])
  const feature = page.features[0]
  if (!feature) return undefined
  const seq = (name: string) => schema.properties[name]?.['x-ogc-propertySeq'] ?? 999
  const values = Object.entries(feature.properties ?? {})
    .filter(([, v]) => v !== null && v !== '')
    .sort(([a], [b]) => seq(a) - seq(b))
    .map(([name, v]) => ({ name, title: schema.properties[name]?.title ?? name, value: String(v) }))
  return { feature, values }
}

/** The contract's GeoJSON, which it leaves open, as a shape. */
export const shapeOf = (geometry: unknown): Shape => geometry as Geometry | undefined

const feature = (geometry: unknown, properties: Record<string, unknown> = {}): Feature => ({ type: 'Feature', properties, geometry: geometry as Geometry })
const collection = (features: Feature[]): FeatureCollection => ({ type: 'FeatureCollection', features })

/** What is laid over the map of a judged parcel: itself, what is usable of it, and where it meets a clause. */
export function judgedOverlays(geometry: unknown, verdict: Schemas['Verdict'] | undefined, findings: readonly Schemas['Finding'][]): Overlay[] {
  const hits = findings.filter((f) => f.geometry)
  return [
    ...(verdict?.remainder ? [{ id: 'remainder', kind: 'remainder' as const, data: collection([feature(verdict.remainder)]) }] : []),
    ...(hits.length ? [{ id: 'findings', kind: 'finding' as const, data: collection(hits.map((f) => feature(f.geometry, { clause: f.clause }))), label: 'clause' }] : []),
    ...(geometry ? [{ id: 'selected', kind: 'selected' as const, data: collection([feature(geometry)]) }] : []),
  ]
}

/** Measured boundaries and photos of a record. */
export function fieldOverlays(record: Schemas['RecordDetail'] | undefined): Overlay[] {
  const measured = record?.inspections.at(-1)?.geometry
  const photos = (record?.photos ?? []).filter((p) => p.longitude != null && p.latitude != null)
  return [
    ...(measured ? [{ id: 'measured', kind: 'measured' as const, data: collection([feature(measured)]) }] : []),
    ...(photos.length
      ? [{ id: 'photos', kind: 'photo' as const, data: collection(photos.map((p) => feature({ type: 'Point', coordinates: [p.longitude, p.latitude] }, p.direction == null ? {} : { bearing: p.direction }))) }]
      : []),
  ]
}

/** A search: a declared number in both directions, a BSM or a TBBH of the survey. */
export async function search(county: string, year: number, text: string, signal: AbortSignal): Promise<{ chosen: Chosen; words: string }[]> {
  const declared = async (kind: Direction) => {
    const page = await fetchJSON<SurveyPage>(`/ogc/${county}/collections/candidates_${kind}/items?limit=1&year=${year}&SBBH=${encodeURIComponent(text)}`, signal)
    return page.features.length ? [{ chosen: { kind, number: text } as Chosen, words: `${directionName(kind)} ${text}` }] : []
  }
  const survey = async (field: 'BSM' | 'TBBH') => {
    const page = await fetchJSON<SurveyPage>(`/ogc/${county}/collections/parcels/items?limit=20&${field}=${encodeURIComponent(text)}`, signal).catch((err: unknown) => {
      if ((err as { status?: number }).status === 404) return { features: [] } // no survey is loaded
      throw err
    })
    return page.features.map((f) => ({ chosen: { kind: 'parcel', bsm: String(f.properties?.['BSM'] ?? '') } as Chosen, words: `图斑 ${String(f.properties?.['TBBH'] ?? '')} ${String(f.properties?.['DLMC'] ?? '')}（${String(f.properties?.['ZLDWMC'] ?? '')} BSM ${String(f.properties?.['BSM'] ?? '')}）` }))
  }
  return (await Promise.all([declared('in'), declared('out'), survey('BSM'), survey('TBBH')])).flat()
}
