/** 地块行。Declared parcels and records of the year's work as the lists show them. */
import { may } from '../may'
import { answer, api, type Schemas } from '../api/client'
import { allPages } from '../load/load'

export interface Row {
  direction: Schemas['Direction']
  number: string
  township: string
  village: string
  purpose: string
  verdict: Schemas['VerdictName'] | ''
  net: string | undefined
  area: string | undefined
  /** "" is not declared yet. */
  state: Schemas['RecordState'] | ''
  stateZh: string
  revision: number | undefined
  late: boolean
  allowed: readonly string[]
}

/** More than anyone reads in a list; what is left out is said. */
export const most = 20_000

/** States in which a declaration is its township's to change; later on others decide by it. */
const open: readonly string[] = ['', 'draft', 'submitted', 'returned', 'withdrawn']
export const changeable = (state: string) => open.includes(state)

/** Whether a role declares. */
export const declares = (role: string) => may('declare', role)

export const keyOf = (r: Pick<Row, 'direction' | 'number'>) => `${r.direction}/${r.number}`

/** The direction and number of a key in the address; undefined where it is none. */
export function parcelOf(key: string): { direction: Schemas['Direction']; number: string } | undefined {
  const [direction, number] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)]
  return (direction === 'in' || direction === 'out') && number !== '' ? { direction, number } : undefined
}

export const ofCandidate = (c: Schemas['Candidate']): Row => ({
  direction: c.direction, number: c.number, township: c.township_code, village: c.village ?? '', purpose: c.purpose ?? '', verdict: c.verdict ?? '', net: c.net_m2, area: c.area_m2,
  state: c.state ?? '', stateZh: c.state_zh ?? '未申报', revision: c.revision, late: false, allowed: c.allowed_actions ?? [],
})

export const ofRecord = (r: Schemas['Record']): Row => ({
  direction: r.direction, number: r.number, township: r.township_code, village: '', purpose: r.purpose, verdict: r.verdict as Row['verdict'], net: r.net_m2, area: undefined,
  state: r.state, stateZh: r.state_zh, revision: r.revision, late: r.late, allowed: r.allowed_actions,
})

export interface CandidateQuery {
  direction?: Schemas['Direction']
  township?: string
  verdict?: Schemas['VerdictName']
  state?: Schemas['RecordState']
  search?: string
}

export async function candidates(county: string, year: number, query: CandidateQuery, signal: AbortSignal, told?: (read: number) => void) {
  const got = await allPages(most, (after) => answer(api.GET('/counties/{county}/candidates', { params: { path: { county }, query: { year, ...query, limit: 1000, ...(after ? { after } : {}) } }, signal })), told)
  return { rows: got.rows.map(ofCandidate), more: got.more }
}

/** What the caller's role can act on: records, and what is not declared yet. */
export async function queue(county: string, year: number, query: Pick<CandidateQuery, 'direction' | 'township'>, signal: AbortSignal) {
  const [records, declared] = await Promise.all([
    allPages(most, (after) => answer(api.GET('/counties/{county}/years/{year}/records', { params: { path: { county, year }, query: { ...query, mine: true, limit: 1000, ...(after ? { after } : {}) } }, signal }))),
    candidates(county, year, query, signal),
  ])
  const fresh = declared.rows.filter((r) => r.state === '' && r.allowed.length > 0)
  return { rows: [...fresh, ...records.rows.map(ofRecord)], more: records.more || declared.more }
}

/** The actions that all of these allow, in the order of the first. */
export function common(rows: readonly Row[]): string[] {
  return (rows[0]?.allowed ?? []).filter((a) => rows.every((r) => r.allowed.includes(a)))
}
