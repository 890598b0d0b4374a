import { expect, test } from 'vitest'
import type { Schemas } from '../api/client'
import { extentText, screenedBy, sevenOf, standingOf } from './versions'

const version = (id: string, year: number, committed: string, more: Partial<Schemas['Dataset']> = {}): Schemas['Dataset'] => ({
  dataset_id: id, kind: 'STBHHX', year, scope: '', status: 'committed', upload_id: '', file_name: id, summary: {}, committed_at: committed, ...more,
})
const run = (year: number, ...read: string[]): Schemas['Screening'] => ({ run_id: `${year} ${read.join(' ')}`, year, status: 'done', rulebook: '', datasets: read.map((id) => ({ dataset_id: id })), missing: [], summary: {} })

test('a version takes the place of the one in force of its year, or takes over from a year before; later years keep theirs', () => {
  const first = version('first', 2025, '2026-01-01T00:00:00Z')
  const mistake = version('mistake', 2025, '2026-02-01T00:00:00Z', { status: 'retired', retired_at: '2026-02-02T00:00:00Z' })
  const late = version('late', 2028, '2026-03-01T00:00:00Z')
  const all = [late, mistake, first]
  expect(standingOf({ kind: 'STBHHX', year: 2025, scope: '' }, all)).toEqual({ replaced: first, before: undefined, next: 2028 })
  expect(standingOf({ kind: 'STBHHX', year: 2026, scope: '' }, all)).toEqual({ replaced: undefined, before: first, next: 2028 })
  expect(standingOf({ kind: 'STBHHX', year: 2020, scope: '' }, all)).toEqual({ replaced: undefined, before: undefined, next: 2025 })
  expect(standingOf({ kind: 'ZRBHD', year: 2026, scope: '' }, all)).toEqual({ replaced: undefined, before: undefined, next: undefined })
  // What was in force then counts, not what is now.
  expect(standingOf(version('corrected', 2025, '2026-02-01T12:00:00Z'), all).replaced).toBe(mistake)
  expect(standingOf(mistake, all).replaced).toBe(first)
  expect(standingOf(first, all).replaced).toBeUndefined()
  // A declaration of another year is another matter.
  const declared = version('declared', 2025, '2026-01-01T00:00:00Z', { kind: 'CANDIDATE_IN', scope: '149901100' })
  expect(standingOf({ kind: 'CANDIDATE_IN', year: 2026, scope: '149901100' }, [declared])).toEqual({ replaced: undefined, before: undefined, next: undefined })
})

test('the years to screen again are those whose newest screening has not read what it would read now', () => {
  const old = version('old', 2025, '2026-01-01T00:00:00Z')
  const fresh = version('fresh', 2027, '2026-02-01T00:00:00Z')
  const runs = [run(2028, 'old'), run(2027, 'fresh'), run(2027, 'old'), run(2025, 'old')]
  expect(screenedBy(fresh, [old, fresh], runs)).toEqual({ stale: [2028], read: [2027] })
  expect(screenedBy(old, [old, fresh], runs)).toEqual({ stale: [], read: [2028, 2025] })
  // Taken out of force, it stands no longer for those that read it.
  expect(screenedBy({ ...fresh, status: 'retired' }, [old], runs)).toEqual({ stale: [2027], read: [] })
  expect(screenedBy(fresh, [old, fresh], [{ ...run(2028, 'old'), status: 'failed' }])).toEqual({ stale: [], read: [] })
})

test('seven parameters are seven numbers', () => {
  expect(sevenOf(' -12.5, 3；0.1 0 0 1e-3 0 ')).toEqual([-12.5, 3, 0.1, 0, 0, 0.001, 0])
  for (const text of ['', '1 2 3', '1 2 3 4 5 6 x', '1 2 3 4 5 6 7 8']) expect(sevenOf(text), text).toBeUndefined()
})

test('an extent is said in metres and kilometres', () => {
  expect(extentText({ extent: [500123.4, 4012345.6, 512123.4, 4022345.6] })).toBe('东 500,123–512,123，北 4,012,346–4,022,346 m（东西 12.00 km，南北 10.00 km）')
  expect(extentText({ extent: [559847.2, 4014914, 559894.1, 4014961] })).toContain('（东西 47 m，南北 47 m）')
  expect(extentText({})).toBe('')
})
