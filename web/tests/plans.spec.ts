import { readFile } from 'node:fs/promises'
import type { APIRequestContext, Page } from '@playwright/test'
import { call, county, enter, hire } from './people'
import { pressAt, sound, typeAt } from './keys'
import { loadByPage, retireOf } from './loading'
import { accessible, expect, pictured, test } from './watched'

type Json = Record<string, any>
const api = `/api/v1/counties/${county}`
const year = 2025
/** A year of this file's own, to publish in: no other spec declares for it. */
const ownYear = 2028
const parts = ['balance', 'parcels', 'adjust', 'compare', 'publish']
const at = (query: Record<string, string>, of = year) => `/#/plans?${new URLSearchParams({ county, year: String(of), ...query })}`
/** Square metres as the page writes them, from the API's text. */
const m2 = (text: string) => text.replace(/^-/, '−').replace(/\B(?=(\d{3})+\.)/g, ',')

/** The plan that the demo has approved, with its townships. */
async function approved(request: APIRequestContext): Promise<Json> {
  const list = await call<Json[]>(request, 'GET', `/years/${year}/publications`)
  return call<Json>(request, 'GET', `/plans/${list.find((p) => p.status === 'approved')!.plan_id}`)
}
async function parcels(request: APIRequestContext, plan: string): Promise<Json[]> {
  return (await call<{ items: Json[] }>(request, 'GET', `/plans/${plan}/parcels?limit=1000`)).items
}
/** A scenario made through the API, done. */
async function scenario(request: APIRequestContext, run: string, name: string, options: Json): Promise<Json> {
  const { plan } = await call<{ plan: Json }>(request, 'POST', '/plans', { run_id: run, name, options })
  await expect.poll(async () => (await call<Json>(request, 'GET', `/plans/${plan.plan_id}`)).status, { timeout: 30_000 }).toBe('done')
  return call<Json>(request, 'GET', `/plans/${plan.plan_id}`)
}
const cells = async (page: Page, region: string, rows = 'tbody tr') =>
  page.getByRole('region', { name: region }).locator(rows).evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent!.trim())))

test('平衡方案: what is proved, and the balance of every township as the API has it', async ({ page, request }) => {
  const plan = await approved(request)
  await page.goto(at({ plan: plan.plan_id, unit: 'm2' }))
  await expect(page.getByText(/已证明：在所列规则下/)).toBeVisible()
  await expect(page.getByText(plan.summary.message_zh)).toBeVisible()
  await expect(page.getByRole('region', { name: /情景列表/ })).toContainText('开放模式') // who made it

  // The tables hold the API's own figures; nothing is computed but what is left.
  const balance = '乡镇平衡表 · Balance by township'
  await expect(page.getByRole('region', { name: balance })).toBeVisible()
  expect((await cells(page, balance)).map((row) => row.slice(0, 5))).toEqual(plan.townships.map((t: Json) => [t.name, m2(t.in_m2), m2(t.out_m2), m2(t.transfer_in_m2), m2(t.transfer_out_m2)]))
  await expect(page.getByRole('img', { name: /数量调剂流向/ })).toBeVisible()
  const nameOf = new Map<string, string>(plan.townships.map((t: Json) => [t.code, t.name]))
  const transfers = (measure: string) => plan.transfers.filter((t: Json) => t.measure === measure).map((t: Json) => [nameOf.get(t.from), nameOf.get(t.to), m2(t.amount_m2)])
  expect(await cells(page, '调剂表 · Transfers')).toEqual(transfers('area'))
  for (const t of plan.townships) await expect(page.getByText(t.price_zh)).toBeVisible()

  // Quality the page sums from the parcels: the ledger, which booked each on approval, is the witness.
  await page.getByLabel('计量 Measure').selectOption('quality')
  expect(await cells(page, '调剂表 · Transfers')).toEqual(transfers('quality'))
  const witness = plan.townships.reduce((a: Json, b: Json) => (Number(b.in_m2) + Number(b.out_m2) < Number(a.in_m2) + Number(a.out_m2) ? b : a))
  const { items } = await call<{ items: Json[] }>(request, 'GET', `/years/${year}/ledger/entries?township=${witness.code}&limit=1000`)
  const booked = (kind: string) => items.filter((e) => e.kind === kind && e.measure === 'quality').reduce((sum, e) => sum + BigInt(e.amount_m2.replace('.', '')), 0n)
  const row = (await cells(page, balance)).find(([name]) => name === witness.name)!
  expect(row.slice(1, 3).map((text) => BigInt(text!.replace(/[,.]/g, '')))).toEqual([booked('plan_in'), booked('plan_out')])
  expect(booked('plan_in')).toBeGreaterThan(0n)
  await page.getByLabel('计量 Measure').selectOption('area')

  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /solution.tar.gz/ }).click()])
  expect([...(await readFile(await file.path())).subarray(0, 2)]).toEqual([0x1f, 0x8b])
  await accessible(page)
  await pictured(page, 'plans')
})

test('parcels: filtered, sorted and read by keyboard, with the reason of each', async ({ page, request }) => {
  const plan = await approved(request)
  const all = await parcels(request, plan.plan_id)
  await page.goto(at({ plan: plan.plan_id, tab: 'parcels', unit: 'm2' }))
  const grid = page.getByRole('grid', { name: /方案地块/ })
  await expect(grid).toHaveAttribute('aria-rowcount', String(all.length + 1))
  await page.getByLabel('方向 Direction').selectOption('out')
  await page.getByLabel('安排 Chosen').selectOption('false')
  const left = all.filter((p) => p.direction === 'out' && !p.chosen)
  await expect(grid).toHaveAttribute('aria-rowcount', String(left.length + 1))
  await expect(page).toHaveURL(/direction=out/)

  await grid.getByRole('button', { name: /净面积/ }).press('Enter')
  await grid.getByRole('button', { name: /净面积/ }).press('Enter')
  const most = left.reduce((a, b) => (Number(b.net_m2) > Number(a.net_m2) ? b : a))
  await grid.focus()
  await page.keyboard.press('End')
  await page.keyboard.press('Home')
  await page.keyboard.press('Enter')
  const why = page.getByRole('region', { name: /理由/ })
  await expect(why).toContainText(most.number)
  await expect(why).toContainText(most.reason_zh)
  await accessible(page)
})

test('100,000 parcels in one table: sorted, scrolled to the end, and few of them drawn', async ({ page, request, watched }) => {
  watched.allowed.push(/404/) // the map asks where a made-up parcel lies
  const plan = await approved(request)
  const many = 100_000
  const number = (i: number) => `ZJ${String((i * 7919) % many).padStart(6, '0')}` // each once, in disorder
  // No synthetic county has so many: the plan is real, its pages of parcels are not.
  await page.route('**/plans/*/parcels?**', (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get('after') ?? 0)
    const items = Array.from({ length: 1000 }, (_, k) => ({ direction: 'in', number: number(from + k), township_code: '149901100', chosen: k % 2 === 0, net_m2: `${from + k}.00`, net_paddy_m2: '0.00', reason_zh: `合成理由 ${from + k}` }))
    return route.fulfill({ json: { items, ...(from + 1000 < many ? { next: String(from + 1000) } : {}) } })
  })
  await page.goto(at({ plan: plan.plan_id, tab: 'parcels' }))
  const grid = page.getByRole('grid', { name: /方案地块/ })
  await expect(page.getByText('100,000 块，共 100,000 块')).toBeVisible({ timeout: 40_000 })
  await expect(grid).toHaveAttribute('aria-rowcount', String(many + 1))
  await grid.getByRole('button', { name: '申报编号' }).press('Enter')
  await expect(grid.getByRole('row').nth(1)).toContainText('ZJ000000')
  await grid.focus()
  await page.keyboard.press('End')
  await expect(grid.getByText('ZJ099999')).toBeVisible()
  await page.keyboard.press('Enter')
  await expect(grid.locator('tr[aria-selected="true"]')).toHaveAttribute('aria-rowindex', String(many + 1))
  expect(await grid.locator('tbody tr').count()).toBeLessThan(80)
})

test('a scenario: typed wrong, made, without a plan, and what is short', async ({ page }) => {
  await page.goto(at({}))
  await page.getByRole('button', { name: /新建情景/ }).click()
  const form = page.getByRole('region', { name: /新建情景/ })
  await form.getByLabel('名称 Name').fill('合成：指标过高')
  await form.getByLabel('连片权重 λ').fill('-1')
  await expect(form.getByRole('alert')).toContainText('应为不小于 0 的数')
  await form.getByLabel('连片权重 λ').fill('2')
  await form.getByRole('button', { name: /加一条指标/ }).click()
  await form.getByLabel('不少于').fill('99999999')
  // What the service refuses is said in its words, and all that was typed is still there.
  await form.getByLabel('选入、准予转出').fill('in/ZJ1499011000003')
  await form.getByLabel('不选、不予转出').fill('in/ZJ1499011000003')
  await form.getByRole('button', { name: /编制方案/ }).click()
  await expect(page.getByText(/同时列入 chosen 与 not_chosen/)).toBeVisible()
  await page.getByRole('button', { name: '复制 合成：指标过高' }).first().click()
  const copy = page.getByRole('region', { name: /复制“合成：指标过高”/ })
  await copy.getByLabel('不选、不予转出').fill('')
  await copy.getByLabel('名称 Name').fill('合成：短缺')
  await copy.getByRole('button', { name: /编制方案/ }).click()
  await expect(page.getByRole('heading', { level: 2, name: /合成：短缺.*不可行/ })).toBeVisible()
  await expect(page.getByRole('heading', { name: /缺什么/ })).toBeVisible()
  await expect(page.getByText(/差 [\d.]+ m²/).first()).toBeVisible()
  await page.getByRole('button', { name: /命名、备注/ }).click()
  await page.getByLabel('备注 Note').fill('合成备注：给领导小组看')
  await page.getByRole('button', { name: '保存', exact: true }).click()
  await expect(page.getByRole('region', { name: /情景列表/ })).toContainText('给领导小组看')
  await accessible(page)
})

test('互动调整: λ, locks in the table and on the map, an expired session, a frontier, saved and compared', async ({ page, request, watched }) => {
  watched.allowed.push(/404/) // the session that is ended under the page's feet
  test.setTimeout(120_000)
  const plan = await approved(request)
  const opened = page.waitForResponse((r) => r.url().endsWith('/plan-sessions') && r.request().method() === 'POST')
  await page.goto(at({ plan: plan.plan_id, tab: 'adjust', unit: 'm2' }))
  const session = await (await opened).json()
  const objective = page.getByTestId('objective')
  const shown = (v: number) => v.toLocaleString('zh-CN', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
  await expect(objective).toHaveText(shown(plan.certificate.objective)) // as it is stored

  // By keyboard: a step of the slider, and the certified plan is there.
  // What is shown is the newest answer: the service searches on when the sliders rest.
  let latest: Json = session
  page.on('response', async (r) => {
    if (/\/plan-sessions(\/[^/]+)?$/.test(r.url()) && r.ok() && ['POST', 'PATCH'].includes(r.request().method())) latest = await r.json().catch(() => latest) // a body may be gone with a navigation
  })
  const current = () => expect.poll(async () => [await objective.textContent(), await page.getByText(latest['certificate'].proof_zh).count()]).toEqual([shown(latest['certificate'].objective), 1])
  const changed = (of: 'options' | 'locks') => page.waitForResponse((r) => r.request().method() === 'PATCH' && r.ok() && r.request().postDataJSON()[of] !== undefined)
  const slid = changed('options')
  await pressAt(page, page.getByLabel(/连片 λ 滑块/), 'ArrowRight')
  const after = await (await slid).json()
  expect(after.options.lambda).toBeGreaterThan(plan.summary.options.lambda)
  await current()
  const undone = changed('options')
  await pressAt(page, page.getByRole('button', { name: /撤销/ }))
  expect((await (await undone).json()).options.lambda).toBe(plan.summary.options.lambda)

  // A lock from the table: what was chosen is held out.
  const held = (session.parcels as Json[]).find((p) => p.direction === 'in' && p.chosen)!
  const grid = page.getByRole('grid', { name: /互动编制的地块/ })
  await page.getByLabel('编号含 Number').fill(held.number)
  await expect(grid).toHaveAttribute('aria-rowcount', '2')
  await grid.focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('Enter')
  const why = page.getByRole('region', { name: /该地块的理由/ })
  await expect(why.getByRole('region', { name: /理由各项/ })).toBeVisible()
  const locked = changed('locks')
  await pressAt(page, why.getByRole('button', { name: '锁定不选' }), 'Enter', 'Shift+Tab')
  expect((await (await locked).json()).options.not_chosen).toEqual([`in/${held.number}`])
  await expect(grid.getByText('■ 锁定不用')).toBeVisible()
  await expect(grid.getByText('– 未选')).toBeVisible()

  // And one on the map, at its cross: the map has gone to the parcel that was chosen in the table.
  const free = await inside(request, session.parcels.filter((p: Json) => p.takes_part && p.number !== held.number))
  await page.getByLabel('编号含 Number').fill(free.number)
  const map = page.getByTestId('map')
  await Promise.all([page.waitForResponse((r) => r.url().includes(`/candidates/${free.direction}/${free.number}`)), grid.getByText(free.number).click()])
  await expect(why).toContainText(free.number)
  await expect(map).toHaveClass(/ready/, { timeout: 30_000 })
  await page.getByRole('button', { name: '清除所选地块' }).click()
  await expect(why).toHaveCount(0)
  await expect(map).toHaveClass(/ready/, { timeout: 30_000 })
  await map.locator('canvas').focus()
  await page.keyboard.press('Enter')
  await expect(why).toContainText(free.number)
  const second = changed('locks')
  await why.getByRole('button', { name: free.direction === 'in' ? '锁定选入' : '锁定同意转出' }).click()
  expect((await (await second).json()).options.chosen).toEqual([`${free.direction}/${free.number}`])
  await accessible(page)
  await pictured(page, 'plans-adjust')

  // A quota of a township: what is no number is said at its field and not sent; with a number comes the next plan.
  await page.getByText('乡镇指标', { exact: true }).click()
  const quotas = page.getByRole('region', { name: /乡镇指标表/ })
  const town = (session.townships as Json[]).find((t) => Number(t.out_m2) > 3000 && ![free.township_code, held.township_code].includes(t.code))!
  const most = quotas.getByLabel(`${town.name}转出数量不多于（平方米）`)
  await most.fill('一千')
  await most.press('Tab')
  await expect(most).toHaveAttribute('aria-invalid', 'true')
  await expect(most).toHaveAccessibleDescription(/“一千”应为不小于 0 的数/)
  const asked = changed('options')
  await most.fill('3,000')
  await most.press('Tab')
  const bounded = await (await asked).json()
  expect(bounded.options.quotas).toEqual([{ township: town.code, direction: 'out', measure: 'area', max_m2: '3000.00' }])
  const goes = bounded.townships.find((t: Json) => t.code === town.code).out_m2
  expect([bounded.status, Number(goes) <= 3000]).not.toContain(false)
  expect(bounded.certificate.objective).toBeGreaterThan(0)
  await expect(quotas.getByRole('row', { name: town.name }).getByText(m2(goes), { exact: true })).toBeVisible()
  const least = quotas.getByLabel(`${town.name}转出数量不少于（平方米）`)
  await least.fill('3000.01')
  await least.press('Tab')
  await expect(least).toHaveAccessibleDescription(/“不少于”大于“不多于”（3,000.00 平方米）/)
  await accessible(page)
  const cleared = changed('options')
  await page.getByRole('button', { name: /清除全部指标/ }).click()
  expect((await (await cleared).json()).options.quotas ?? []).toEqual([])
  await expect(least).toHaveValue('')

  // The session ends; the next change opens another with the same options, and nothing is lost.
  const gone = await request.delete(`${api}/plan-sessions/${session.session_id}`)
  expect(gone.status()).toBe(204)
  const again = page.waitForResponse((r) => r.url().endsWith('/plan-sessions') && r.status() === 201)
  await page.getByLabel(/连片 λ 数值/).fill('2.5')
  await page.getByLabel(/连片 λ 数值/).press('Enter')
  const reopened = await (await again).json()
  expect(reopened.options).toMatchObject({ lambda: 2.5, chosen: [`${free.direction}/${free.number}`], not_chosen: [`in/${held.number}`] })
  await expect(page.getByText(/已用同样的参数重新打开/)).toBeVisible()
  await current()

  // The frontier: bound below, plans above, and the table says what the service says.
  await page.getByLabel('点数 Points').fill('4')
  await page.getByRole('button', { name: /扫描 λ/ }).click()
  await expect(page.getByText('已扫描 4 / 4')).toBeVisible({ timeout: 30_000 })
  await expect(page.getByRole('img', { name: /权衡曲线，4 个方案/ })).toBeVisible()
  const { points } = await call<{ points: Json[] }>(request, 'GET', `/plan-sessions/${reopened.session_id}/frontier`)
  expect((await cells(page, '权衡曲线表 · Frontier')).map((row) => [row[3], row[5]])).toEqual(points.map((p) => [shown(p.cost), shown(p.bound)]))
  for (const p of points) expect(p.bound).toBeLessThanOrEqual(p.objective)

  await page.getByLabel(/保存为情景/).fill('合成：连片优先')
  await page.getByRole('button', { name: /保存 · Save/ }).click()
  await expect(page.getByRole('heading', { level: 2, name: /合成：连片优先/ })).toBeVisible()
  const made = (await call<Json[]>(request, 'GET', '/plans')).find((p) => p.name === '合成：连片优先')!
  expect(made.summary.options).toMatchObject({ lambda: 2.5, not_chosen: [`in/${held.number}`] })
  expect(made.certificate.objective).toBeCloseTo(latest['certificate'].objective, 6)

  // Compared with the plan it came from: the table of differences, and a curtain between two maps.
  await page.getByRole('tab', { name: /对比/ }).click()
  const comparison = await call<Json>(request, 'GET', `/plans/${made.plan_id}/compare?with=${plan.plan_id}`)
  await expect(page.getByText(comparison.message_zh)).toBeVisible()
  const differ = page.getByRole('grid', { name: /安排不同的地块/ })
  await expect(differ).toHaveAttribute('aria-rowcount', String(comparison.parcels.length + 1))
  await expect(differ).toContainText(held.number)
  await expect(page.getByRole('region', { name: /总计与参数/ })).toContainText('2.5')
  const curtain = page.getByLabel(/卷帘位置/)
  const b = page.getByRole('region', { name: /Map of b/ })
  await expect(b).toHaveCSS('clip-path', 'inset(0px 0px 0px 50%)')
  await curtain.press('Home')
  await expect(b).toHaveCSS('clip-path', /inset\(0px( 0px 0px 0(px|%))?\)/)
  await curtain.press('End')
  await expect(b).toHaveCSS('clip-path', 'inset(0px 0px 0px 100%)')
  await curtain.press('Home')
  for (let i = 0; i < 5; i++) await curtain.press('PageUp')
  await accessible(page)
  await pictured(page, 'plans-compare')
})

test('a plan made with the patch rule is worked on without it, and the page says what that means', async ({ page, request }) => {
  const { run_id } = await approved(request)
  const plan = await scenario(request, run_id, '合成：连片规则', { patch_rule: true, min_patch_m2: 60_000, time_limit_s: 2 })
  const opened = page.waitForResponse((r) => r.url().endsWith('/plan-sessions') && r.request().method() === 'POST')
  await page.goto(at({ plan: plan.plan_id, tab: 'adjust' }))
  const session = await (await opened).json()
  expect([session.options.patch_rule, session.certificate.objective, session.small_patches]).toEqual([false, plan.certificate.objective, []])
  const note = page.getByRole('region', { name: /连片规则/ })
  await expect(note).toContainText('互动调整不守连片规则')
  await expect(note).toContainText('60,000 m²')
  // Bringing land in for nothing, it takes what the rule would keep out, and says which.
  const changed = page.waitForResponse((r) => r.request().method() === 'PATCH' && r.ok() && r.request().postDataJSON().options !== undefined)
  await page.getByLabel(/连片 λ 数值/).fill('0')
  await page.getByLabel(/连片 λ 数值/).press('Enter')
  const small = (await (await changed).json()).small_patches as string[]
  expect(small.length).toBeGreaterThan(0)
  await expect(note.getByRole('button', { name: /锁定不用/ })).toBeVisible()
  await expect(note).toContainText(small[0]!.slice(3))
})

/** The first parcel of which the middle of its box lies in what a plan takes of it: the map, when it has gone there, has that under its cross. */
async function inside(request: APIRequestContext, list: Json[]): Promise<Json> {
  for (const p of list) {
    const { geometry, verdict } = await call<Json>(request, 'GET', `/candidates/${p.direction}/${p.number}?year=${year}`)
    const ringsOf = (g: Json): [number, number][][] => (g.type === 'Polygon' ? g.coordinates : g.coordinates.flat())
    const [whole, rings] = [ringsOf(geometry), ringsOf(verdict?.remainder ?? geometry)]
    const [xs, ys] = [whole.flat().map((c) => c[0]), whole.flat().map((c) => c[1])]
    const [x, y] = [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2]
    const crossed = rings.map((ring) => ring.filter(([x1, y1], i) => {
      const [x2, y2] = ring[(i + 1) % ring.length]!
      return y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)
    }).length)
    if (crossed.reduce((a, b) => a + b, 0) % 2 === 1) return p
  }
  throw new Error('no parcel has its middle inside')
}

/** Declares some parcels for the year of this file and screens them, if nobody has. */
async function prepare(request: APIRequestContext): Promise<string> {
  const runs = await call<Json[]>(request, 'GET', '/screenings')
  const done = runs.find((r) => r.year === ownYear && r.status === 'done')
  if (done) return done.run_id
  // One declares at most for the year after the one that the county works on.
  const before = ownYear - 1
  if (!(await request.get(`${api}/years/${before}`)).ok()) {
    const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString().slice(0, 10)
    await call(request, 'PUT', `/years/${before}`, { declare_by: day(30), plan_by: day(76), survey_date: day(229), reason: '合成示例' })
  }
  for (const [direction, n] of [['in', 3], ['out', 2]] as const) {
    const { items } = await call<{ items: Json[] }>(request, 'GET', `/years/${year}/records?direction=${direction}&state=written_off&township=149901103&limit=1000`)
    let dataset: string | undefined
    for (const r of items.filter((i) => i.verdict === 'eligible').slice(0, n)) {
      const { candidate: c, geometry } = await call<Json>(request, 'GET', `/candidates/${direction}/${r.number}?year=${year}`)
      const kept = Object.fromEntries(['township_code', 'township_name', 'village', 'base_bsm', 'base_dlbm', 'target_dlbm', 'purpose', 'method', 'actor', 'declared_m2', 'documents'].filter((k) => c[k]).map((k) => [k, c[k]]))
      const change = await call<Json>(request, 'PUT', `/years/${ownYear}/candidates/${direction}/${r.number}`, { reason: '合成：方案页面的检验', screen: false, geometry, ...kept, ...(dataset ? { dataset_id: dataset } : {}) })
      dataset = change.dataset.dataset_id
    }
  }
  const { screening, job } = await call<Json>(request, 'POST', '/screenings', { year: ownYear })
  await expect.poll(async () => (await call<Json>(request, 'GET', `/jobs/${job.job_id}`)).status, { timeout: 30_000 }).toBe('done')
  return screening.run_id
}

test('报批与批准: two roles, a refusal in the service’s words, sent back, proposed again, approved', async ({ page, request, watched }) => {
  watched.allowed.push(/401|409|422/)
  test.setTimeout(120_000)
  const run = await prepare(request)
  const plan = await scenario(request, run, `合成情景 ${Date.now()}`, {})
  const before = (await call<Json[]>(request, 'GET', `/years/${ownYear}/publications`)).filter((p) => p.status === 'approved').length
  const clerk = await hire(request, '合成局经办', 'bureau')
  const head = await hire(request, '合成县政府', 'government')
  const here = at({ plan: plan.plan_id, tab: 'publish' }, ownYear)
  const list = page.getByRole('region', { name: /方案公布清单/ })

  // A year that is closed: what the service says is shown, and what was typed stays.
  await enter(page, clerk, at({ tab: 'publish' }))
  await page.getByLabel('标题 Title').fill('合成：结转以后的调整')
  await page.getByLabel(/调整理由/).fill('合成理由')
  await page.getByRole('button', { name: /^报批“/ }).click()
  await expect(page.getByRole('alert')).not.toBeEmpty()
  await expect(page.getByLabel('标题 Title')).toHaveValue('合成：结转以后的调整')
  await expect(page.getByText(/由县政府批准；您现在的角色不能批准/)).toBeVisible()

  await page.goto(here)
  await page.getByLabel('标题 Title').fill('合成年度方案')
  await page.getByLabel(/调整理由/).fill('合成：检验')
  await page.getByRole('button', { name: `报批“${plan.name}”` }).click()
  await expect(list.getByRole('row', { name: /待批/ })).toContainText('合成局经办')

  await enter(page, head, here)
  await expect(page.getByText(/您现在的角色不能报批/)).toBeVisible()
  await page.getByLabel(/批准文号或退回理由/).fill('合成：请补充说明')
  await page.getByRole('button', { name: /退回/ }).click()
  await expect(list.getByRole('row', { name: /请补充说明/ })).toContainText('已退回')

  await call(request, 'POST', `/plans/${plan.plan_id}/propose`, { title: '合成年度方案（再报）', reason: '合成：已补充' }, clerk)
  await page.reload() // a key is in the page's memory only
  await enter(page, head, here)
  await typeAt(page, page.getByLabel(/批准文号或退回理由/), '合成县政发〔2028〕1号')
  await pressAt(page, page.getByRole('button', { name: /批准 · Approve/ }))
  const row = list.getByRole('row', { name: /再报.*已批准/ })
  await expect(row).toContainText('合成县政发〔2028〕1号')
  await sound(page)
  const publications = await call<Json[]>(request, 'GET', `/years/${ownYear}/publications`)
  const last = publications.at(-1)!
  expect([last.status, last.plan_id, publications.filter((p) => p.status === 'approved').length]).toEqual(['approved', plan.plan_id, before + 1])
  await expect(row).toContainText(last.sha256)
  await accessible(page)
  await pictured(page, 'plans-publish')
})

/** The plan by which the year of this file stands, approved through the API if nobody has yet. */
async function standing(request: APIRequestContext): Promise<string> {
  const before = (await call<Json[]>(request, 'GET', `/years/${ownYear}/publications`)).filter((p) => p.status === 'approved').at(-1)
  if (before) return before.plan_id
  const plan = await scenario(request, await prepare(request), '合成：预警', {})
  await call(request, 'POST', `/plans/${plan.plan_id}/propose`, { title: '合成年度方案' }, undefined, 'bureau')
  await call(request, 'POST', `/years/${ownYear}/decision`, { approve: true, decision: '合成县政发〔2028〕2号' }, undefined, 'government')
  return plan.plan_id
}

test('预警: a red line that comes after the approval is loaded by the page, told, screened again, and leads to the very parcel it covers', async ({ page, request, watched }) => {
  watched.allowed.push(/401/, /404/) // 404: nobody has set the year's deadlines
  test.setTimeout(120_000)
  const chosen = (await parcels(request, await standing(request))).filter((p) => p.chosen && p.direction === 'in')
  const covered = chosen[0]!
  const { geometry } = await call<Json>(request, 'GET', `/candidates/in/${covered.number}?year=${ownYear}`)
  const line = { type: 'FeatureCollection', features: [{ type: 'Feature', properties: { HXMC: '合成新红线', HXLX: '水源涵养' }, geometry }] }
  try {
    await enter(page, await hire(request, '合成局经办（预警）', 'bureau'), `/#/admin?county=${county}&year=${ownYear}`)
    await loadByPage(page, ownYear, { kind: 'STBHHX', name: '生态保护红线', before: 2025 }, 'STBHHX.geojson', JSON.stringify(line))
    // What the last screening answered is worth nothing now, and layers of years before are named.
    await expect(page.getByText(/筛查之后又有新数据：生态保护红线/)).toBeVisible()
    await expect(page.getByRole('link', { name: '⚠ 须重新筛查' })).toBeVisible()
    await expect(page.getByText(/⚠ \d+ 个早于本年度：.*（2025）/)).toBeVisible()
    // A job that fails says why, and may be asked for once more.
    await page.route('**/jobs/*', async (route) => route.fulfill({ json: { ...(await (await route.fetch()).json()), status: 'failed', problem: { type: 'about:blank', title: '筛查失败（合成） · Failed', status: 500, detail: '读取图层时中断。', hint: '请再筛查一次。' } } }))
    const again = page.getByRole('button', { name: /重新筛查/ })
    await pressAt(page, again)
    await expect(page.getByRole('alert')).toContainText('读取图层时中断。 请再筛查一次。')
    await page.unroute('**/jobs/*')
    await expect(again).toBeFocused()
    await page.keyboard.press('Enter')
    await expect(page.getByText('✘ 1 块', { exact: true })).toBeVisible({ timeout: 30_000 })
    await expect(page.getByText('已重新筛查。')).toBeVisible()
    await expect(page.getByText(/筛查之后又有新数据/)).toHaveCount(0)
    await expect(page.getByRole('link', { name: '✘ 1 块有新冲突' })).toBeVisible()
    await accessible(page)
    await pressAt(page, page.getByRole('link', { name: `转进 ${covered.number}` }), 'Enter', 'Shift+Tab')
    const findings = page.getByRole('list', { name: /发现/ }).getByRole('listitem')
    await expect(findings.filter({ hasText: 'IN-03a' })).toContainText(`转进 ${covered.number}`)
    for (const one of await findings.all()) await expect(one).toContainText(covered.number)
    await sound(page)
  } finally {
    await retireOf(request, 'STBHHX', ownYear)
  }
})

test('a township and an auditor go through every page and are refused nothing: what is not theirs is not offered', async ({ page, request, watched }) => {
  test.slow() // two people, a dozen pages each
  watched.allowed.push(/401/)
  const plan = await approved(request)
  const refused: string[] = []
  page.on('response', (r) => {
    if (r.status() === 403) refused.push(`${r.request().method()} ${r.url()}`)
  })
  const record = (await call<{ items: { direction: string; number: string }[] }>(request, 'GET', '/years/2025/records?township=149901100&state=carried&limit=1')).items[0]!
  const places = [...parts.map((tab) => `/plans?tab=${tab}&plan=${plan.plan_id}`), '/overlaps?', '/declarations?tab=upload', '/declarations?tab=queue', '/ledger?list=planned-in', `/acceptance?turn=done&record=${record.direction}/${record.number}`, '/admin?tab=data', '/admin?tab=people', '/admin?tab=jobs', '/?']
  for (const who of [await hire(request, '合成乡经办', 'township_clerk/149901100'), await hire(request, '合成审计', 'auditor')]) {
    await enter(page, who, at({ plan: plan.plan_id, tab: 'parcels' }))
    await expect(page.getByText('情景由自然资源局编制；您现在的角色只能查看。')).toBeVisible()
    for (const name of [/新建情景/, /^复制/, /命名、备注/]) await expect(page.getByRole('button', { name })).toHaveCount(0)
    for (const to of places) {
      await page.evaluate((hash) => (location.hash = hash), `#${to}&county=${county}&year=2025`)
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await page.waitForLoadState('networkidle')
      if (to.includes('/admin?tab=data')) await expect(page.getByText(/装载新版本限 自然资源局经办、自然资源局负责人/)).toBeVisible()
      if (to.includes('tab=adjust')) await expect(page.getByText(/互动调整限 自然资源局经办、自然资源局负责人/)).toBeVisible()
      if (to.includes('record=')) await expect(page.getByRole('heading', { name: '办理 Next' }).or(page.getByText('经过 History'))).not.toHaveCount(0)
    }
    expect(refused, who.name).toEqual([])
    if (who.roles[0] === 'auditor') {
      await page.evaluate((hash) => (location.hash = hash), `#/declarations?tab=upload&county=${county}&year=2025`)
      await expect(page.getByText(/上传申报限 乡镇经办/)).toBeVisible()
      await expect(page.getByText('把文件拖到这里')).toHaveCount(0)
      continue
    }
    await page.evaluate((hash) => (location.hash = hash), at({ plan: plan.plan_id, tab: 'parcels' }).slice(1))
    const own = (await parcels(request, plan.plan_id)).filter((p) => p.township_code === '149901100')
    await expect(page.getByRole('grid', { name: /方案地块/ })).toHaveAttribute('aria-rowcount', String(own.length + 1))
  }
})

test('on a tablet nothing is cut off, and parts are changed by arrow keys', async ({ page, request }) => {
  const plan = await approved(request)
  await page.setViewportSize({ width: 820, height: 1180 })
  await page.goto(at({ plan: plan.plan_id }))
  const width = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  await page.getByRole('tab', { name: /平衡与调剂/ }).focus()
  for (const part of parts.slice(1)) {
    await page.keyboard.press('ArrowRight')
    await expect(page).toHaveURL(new RegExp(`tab=${part}`))
    await expect(page.getByRole('tabpanel')).toBeVisible()
    if (part === 'adjust') await expect(page.getByTestId('objective')).toBeVisible()
    expect(await width(), part).toBeLessThanOrEqual(0)
  }
  await page.keyboard.press('ArrowRight')
  await expect(page.getByRole('tab', { name: /平衡与调剂/ })).toBeFocused()
  expect(await width()).toBeLessThanOrEqual(0)
})
