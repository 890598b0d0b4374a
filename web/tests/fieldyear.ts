/**
 * A year of its own for field work: parcels that the demo's plan of 2025 had chosen and
 * nobody carried out are declared again, reviewed, planned and approved through the API,
 * by a clerk with a key, so that they can be inspected. All of it is made up (合成).
 */
import { expect, type APIRequestContext, type Page } from '@playwright/test'
import { call, type Person } from './people'

export type Position = [number, number]

export interface Plot {
  direction: 'in' | 'out'
  number: string
  township: string
  /** Of the planned boundary, in degrees. */
  rings: Position[][]
}

interface RecordRow { direction: string; number: string; township_code: string; revision: number; state: string; verdict: string; actor: string; purpose: string; net_m2: string }

const as = (request: APIRequestContext, role: string) => <T = unknown>(method: string, path: string, body?: unknown) => call<T>(request, method, path, body, undefined, role)

export async function waitFor(request: APIRequestContext, job: string) {
  let last = { status: '', problem: {} as unknown }
  await expect.poll(async () => (last = await call(request, 'GET', `/jobs/${job}`)).status, { timeout: 60_000, intervals: [200] }).toMatch(/done|failed/)
  expect(last.status, JSON.stringify(last.problem)).toBe('done')
}

/** Steps for parcels in the name of a role, each at the revision that it has; a number alone is of a 转进, "out/…" of a 转出. */
export async function act(request: APIRequestContext, year: number, role: string | Person, action: string, numbers: string[], more: Record<string, unknown> = {}, item: Record<string, unknown> = {}) {
  const items = []
  for (const named of numbers) {
    const [direction, number] = named.includes('/') ? named.split('/') : ['in', named]
    const revision = action === 'declare' ? undefined : (await call<{ record: RecordRow }>(request, 'GET', `/years/${year}/records/${direction}/${number}`)).record.revision
    items.push({ direction, number, ...(revision ? { revision } : {}), ...item })
  }
  const body = { action, items, ...more }
  return typeof role === 'string' ? as(request, role)('POST', `/years/${year}/actions`, body) : call(request, 'POST', `/years/${year}/actions`, body, role)
}

/** Opens the year with parcels of one township that are newly approved, and with a small 转出 behind them; clerk declares and submits them. */
export async function approvedPlots(request: APIRequestContext, year: number, township: string, count: number, clerk: Person): Promise<Plot[]> {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
  await as(request, 'bureau_lead')('PUT', `/years/${year}`, { declare_by: day(60), plan_by: day(90), survey_date: day(300), reason: '合成' })
  const left = await call<{ items: RecordRow[] }>(request, 'GET', `/years/2025/records?state=written_off&township=${township}&limit=1000`)
  const before = (await call<{ items: RecordRow[] }>(request, 'GET', `/years/${year}/records?township=${township}&limit=1000`)).items
  const keyOf = (r: RecordRow) => `${r.direction}/${r.number}`
  const taken = new Set(before.map(keyOf))
  const free = left.items.filter((r) => r.verdict === 'eligible' && r.actor !== '工商企业' && !taken.has(keyOf(r)))
  // A use that needs no approval of its own, and less land than any of the 转进 brings.
  const out = free.filter((r) => r.direction === 'out' && /^[园林草]地$/.test(r.purpose)).sort((a, b) => Number(a.net_m2) - Number(b.net_m2)).slice(0, 1)
  const rows = [...free.filter((r) => r.direction === 'in').slice(0, count), ...out]
  expect(rows.length).toBe(count + 1)
  const numbers = rows.map(keyOf)
  const current = await call<{ dataset_id: string; kind: string; year: number; scope: string }[]>(request, 'GET', '/datasets?current=true&status=committed')
  const versions = new Map(current.filter((d) => d.year === year && d.scope === township).map((d) => [d.kind, d.dataset_id]))
  for (const { direction, number } of rows) {
    const kind = `CANDIDATE_${direction.toUpperCase()}`
    const dataset = versions.get(kind)
    const { candidate: c, geometry } = await call<{ candidate: Record<string, unknown>; geometry: unknown }>(request, 'GET', `/candidates/${direction}/${number}?year=2025`)
    const kept = Object.fromEntries(['township_code', 'township_name', 'village', 'base_bsm', 'base_dlbm', 'target_dlbm', 'purpose', 'method', 'actor', 'documents'].map((k) => [k, c[k]]))
    const put = await call<{ dataset: { dataset_id: string } }>(request, 'PUT', `/years/${year}/candidates/${direction}/${number}`, { ...kept, geometry, reason: '合成', screen: false, ...(dataset ? { dataset_id: dataset } : {}) })
    versions.set(kind, put.dataset.dataset_id)
  }
  const { screening, job } = await call<{ screening: { run_id: string }; job: { job_id: string } }>(request, 'POST', '/screenings', { year })
  await waitFor(request, job.job_id)
  await act(request, year, clerk, 'declare', numbers)
  await act(request, year, clerk, 'submit', numbers)
  await act(request, year, 'bureau', 'check', numbers, { reason: '已核查（合成）' })
  await act(request, year, 'bureau', 'review', numbers)
  for (const role of ['bureau', 'agriculture', 'forestry', 'water', 'environment']) {
    await as(request, role)('POST', `/years/${year}/opinions`, { opinion: 'agree', items: rows.map(({ direction, number }) => ({ direction, number })) })
  }
  const made = await call<{ plan: { plan_id: string }; job: { job_id: string } }>(request, 'POST', '/plans', { run_id: screening.run_id, options: { chosen: [...taken, ...numbers], include_review: true } })
  await waitFor(request, made.job.job_id)
  await as(request, 'bureau')('POST', `/plans/${made.plan.plan_id}/propose`, { title: `${year} 年度方案（合成）`, reason: '合成' })
  await as(request, 'government')('POST', `/years/${year}/decision`, { approve: true, decision: `合成县政发〔${year}〕1号` })
  return Promise.all(rows.map((r) => plotOf(request, year, r)))
}

async function plotOf(request: APIRequestContext, year: number, r: RecordRow): Promise<Plot> {
  const d = await call<{ planned: { coordinates: Position[][][] } }>(request, 'GET', `/years/${year}/records/${r.direction}/${r.number}`)
  return { direction: r.direction as 'in' | 'out', number: r.number, township: r.township_code, rings: d.planned.coordinates[0]! }
}

export const boundaryText = (plot: Plot) => plot.rings.map((ring) => ring.map(([lon, lat]) => `${lon},${lat}`).join('\n')).join('\n\n')

const file = (name: string) => Buffer.from(`合成数据，仅供测试：${name}\n`)

export function fileDocument(request: APIRequestContext, year: number, plot: Plot, role: string, kind: string) {
  return as(request, role)('POST', `/years/${year}/records/${plot.direction}/${plot.number}/documents?kind=${kind}&file_name=${encodeURIComponent(`合成_${kind}.txt`)}`, file(kind))
}

export async function sign(request: APIRequestContext, year: number, plot: Plot, role: string, department = role) {
  const { checklists } = await call<{ checklists: Record<string, { item: string }[]> }>(request, 'GET', `/years/${year}`)
  return as(request, role)('POST', `/years/${year}/records/in/${plot.number}/signatures`, { answers: Object.fromEntries(checklists[department]!.map((i) => [i.item, true])) })
}

/** Carries a parcel through the township's check: begun, measured, photographed, signed. */
export async function townshipChecked(request: APIRequestContext, page: Page, year: number, plot: Plot, begun = false) {
  const [clerk, lead] = [`township_clerk/${plot.township}`, `township_lead/${plot.township}`]
  if (!begun) {
    await fileDocument(request, year, plot, clerk, 'consent')
    await act(request, year, clerk, 'start', [plot.number])
    await as(request, lead)('POST', `/years/${year}/records/in/${plot.number}/photos?file_name=${encodeURIComponent('合成.jpg')}`, await photoOf(page, plot))
  }
  await as(request, lead)('POST', `/years/${year}/records/in/${plot.number}/inspections`, { kind: 'township', geometry: { type: 'Polygon', coordinates: plot.rings } })
  await fileDocument(request, year, plot, lead, 'acceptance_form')
  await sign(request, year, plot, lead, 'township')
  await act(request, year, lead, 'township_check', [plot.number])
}

/** A made-up photo from the parcel's corner, looking to its middle, now: a picture from the browser with EXIF before it. */
export async function photoOf(page: Page, plot: Plot): Promise<Buffer> {
  const picture = await page.evaluate(() => {
    const c = Object.assign(document.createElement('canvas'), { width: 640, height: 480 })
    const g = c.getContext('2d')!
    for (const [colour, y, h] of [['#9cc7ea', 0, 190], ['#7fae6a', 190, 60], ['#b98f57', 250, 230]] as const) {
      g.fillStyle = colour
      g.fillRect(0, y, 640, h)
    }
    g.strokeStyle = '#5d8a3c'
    g.lineWidth = 5
    for (let i = -8; i < 18; i++) {
      g.beginPath()
      g.moveTo(320 + (i - 5) * 14, 250)
      g.lineTo(320 + (i - 5) * 90, 480)
      g.stroke()
    }
    g.fillStyle = '#fff'
    g.font = '28px sans-serif'
    g.fillText('合成照片 · synthetic', 20, 460)
    return c.toDataURL('image/jpeg').split(',')[1]!
  })
  const [lon, lat] = plot.rings[0]![0]!
  const middle = plot.rings[0]!.reduce(([x, y], [a, b]) => [x + a / plot.rings[0]!.length, y + b / plot.rings[0]!.length], [0, 0])
  const bearing = (Math.atan2((middle[0]! - lon) * Math.cos((lat * Math.PI) / 180), middle[1]! - lat) * 180) / Math.PI
  return withEXIF(Buffer.from(picture, 'base64'), lon, lat, (bearing + 360) % 360, new Date())
}

/** The EXIF of a phone: position, direction from true north, and the time in China, big-endian. */
function withEXIF(jpeg: Buffer, lon: number, lat: number, direction: number, taken: Date): Buffer {
  type Entry = [tag: number, kind: number, count: number, value: Buffer]
  const ascii = (tag: number, s: string): Entry => [tag, 2, s.length + 1, Buffer.from(`${s}\0`)]
  const u32 = (v: number) => {
    const b = Buffer.alloc(4)
    b.writeUInt32BE(v)
    return b
  }
  const rational = (tag: number, ...values: number[]): Entry => [tag, 5, values.length, Buffer.concat(values.flatMap((v) => [u32(Math.round(v * 1e4)), u32(1e4)]))]
  const degrees = (v: number) => [Math.floor(v), Math.floor((v % 1) * 60), ((v * 60) % 1) * 60]
  const directory = (entries: Entry[], at: number) => {
    const head = Buffer.alloc(2 + entries.length * 12 + 4)
    head.writeUInt16BE(entries.length)
    let behind = Buffer.alloc(0)
    entries.forEach(([tag, kind, count, value], i) => {
      const o = 2 + i * 12
      head.writeUInt16BE(tag, o)
      head.writeUInt16BE(kind, o + 2)
      head.writeUInt32BE(count, o + 4)
      if (value.length <= 4) value.copy(head, o + 8)
      else {
        head.writeUInt32BE(at + head.length + behind.length, o + 8)
        behind = Buffer.concat([behind, value, Buffer.alloc(value.length % 2)])
      }
    })
    return Buffer.concat([head, behind])
  }
  const china = new Date(taken.getTime() + 8 * 3_600_000).toISOString().slice(0, 19)
  const exifAt = 8 + 2 + 2 * 12 + 4
  const exif = directory([ascii(0x9003, china.replaceAll('-', ':').replace('T', ' '))], exifAt)
  const gpsAt = exifAt + exif.length
  const gps = directory([ascii(1, 'N'), rational(2, ...degrees(lat)), ascii(3, 'E'), rational(4, ...degrees(lon)), ascii(16, 'T'), rational(17, direction)], gpsAt)
  const main = directory([[0x8769, 4, 1, u32(exifAt)], [0x8825, 4, 1, u32(gpsAt)]], 8)
  const block = Buffer.concat([Buffer.from('Exif\0\0MM\0*\0\0\0\x08', 'latin1'), main, exif, gps])
  const size = Buffer.alloc(2)
  size.writeUInt16BE(block.length + 2)
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1]), size, block, jpeg.subarray(2)])
}
