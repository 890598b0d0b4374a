import type { Page } from '@playwright/test'
import { enter, hire } from './people'
import { pressAt, sound } from './keys'
import { accessible, expect, pictured, test } from './watched'

const county = '149901'
const api = `/api/v1/counties/${county}`
const address = `/#/map?county=${county}&year=2025`
/** A parcel that has part of itself in a red line. */
const clipped = 'ZJ1499011000041'

// A map is drawn by software here, which takes its time on a busy machine.
test.setTimeout(120_000)

async function drawn(page: Page, within = '') {
  await expect(page.locator(`${within} .box.ready`)).toBeVisible({ timeout: 60_000 })
}
const panel = (page: Page) => page.getByRole('tabpanel')
const table = (page: Page) => page.getByRole('grid', { name: /图面内的申报地块/ })
/** The extent that the page asked for last, as the service answers it. */
async function extent(page: Page, act: () => Promise<unknown>) {
  const [answer] = await Promise.all([page.waitForResponse((r) => r.url().includes('/extent?') && r.ok()), act()])
  return (await answer.json()) as { total: number; declared: { direction: string; verdict: string; count: number }[]; items: { number: string }[]; land_classes: { dlbm: string; count: number; area_m2: string }[] }
}

test('一张图: what is in view, a parcel from the table, everything about it, and the same from its address', async ({ page }) => {
  const scripts: string[] = []
  page.on('request', (r) => scripts.push(r.url()))
  await page.goto(`/#/?county=${county}&year=2025`)
  await expect(page.getByRole('heading', { level: 1, name: /总览/ })).toBeVisible()
  expect(scripts.filter((s) => /engine|maplibre/.test(s)), 'the first view loads no map').toEqual([])

  const all = await extent(page, () => page.goto(address))
  await drawn(page)
  // The figures are those of the service for what is in view, by verdict and by class.
  const ok = all.declared.find((d) => d.direction === 'in' && d.verdict === 'eligible')!
  await expect(panel(page).getByRole('row', { name: /^符合/ }).getByRole('cell').first()).toHaveText(String(ok.count))
  const dry = all.land_classes.find((c) => c.dlbm === '0103')!
  const mu = (Math.round((Math.round(Number(dry.area_m2) * 100) * 3) / 2000) / 100).toLocaleString('en', { minimumFractionDigits: 2 })
  await expect(panel(page).getByRole('row', { name: /0103 旱地/ })).toContainText(mu)
  // The charts say the same, also to who cannot see them.
  await expect(panel(page).getByRole('img', { name: new RegExp(`地类面积：.*0103 旱地 ${mu} 亩`) })).toBeVisible()
  const net = await panel(page).getByRole('row', { name: /^符合/ }).getByRole('cell').nth(1).textContent()
  await expect(panel(page).getByRole('img', { name: new RegExp(`按结论：符合 转进${net} 亩`) }).locator('svg')).toBeVisible()
  await expect(page.getByRole('list', { name: /地类图例/ }).getByText('0103 旱地')).toBeVisible()
  await expect(page.getByText(`共 ${all.total} 块`)).toBeVisible()
  await expect(page.getByText('图上没有不等于没有冲突')).toHaveCount(0) // every layer is loaded
  // What can be searched is said whole, and a sample of a hatch has the map's own pixels.
  const search = page.getByRole('textbox', { name: /申报编号、图斑/ })
  expect(await search.evaluate((e: HTMLInputElement) => {
    const text = document.createElement('canvas').getContext('2d')!
    text.font = getComputedStyle(e).font
    return e.clientWidth - text.measureText(e.placeholder).width
  })).toBeGreaterThan(10)
  expect(await page.locator('.tree canvas[width="36"]').first().evaluate((e: HTMLCanvasElement) => [e.width, e.height, e.offsetWidth, e.offsetHeight])).toEqual([36, 22, 36, 22])

  // Only what is forbidden: the table follows, and the address keeps it.
  const forbidden = all.declared.filter((d) => d.verdict === 'forbidden').reduce((n, d) => n + d.count, 0)
  for (const name of ['符合', '裁剪后符合', '需人工核定', '资料不全', '待筛查']) await page.getByRole('checkbox', { name, exact: true }).uncheck()
  await expect(page.getByText(`共 ${forbidden} 块`)).toBeVisible()
  await expect(page).toHaveURL(/verdicts=forbidden/)
  await page.getByRole('checkbox', { name: '裁剪后符合' }).check()
  await page.getByRole('checkbox', { name: '基本草原' }).check()
  await expect(page).toHaveURL(/layers=[^&]*JBCY/)
  await drawn(page)
  await accessible(page)

  await table(page).getByText(clipped).click()
  await expect(panel(page).getByRole('heading', { name: `转进 ${clipped}` })).toBeVisible()
  await expect(panel(page).getByText(/位于生态保护红线内；与生态保护红线重叠 738.02 m²/)).toBeVisible()
  await expect(panel(page).getByText(/不得在生态保护红线内转进/)).toBeVisible()
  await expect(panel(page).getByText(/依据：/).first()).toBeVisible()
  await expect(panel(page).getByText(/裁去 1.11 亩/)).toBeVisible()
  await expect(panel(page).getByText(/选用/).first()).toBeVisible()
  await expect(panel(page).getByText(/流程（\d+）/)).toBeVisible()
  await expect(table(page).getByRole('row', { selected: true })).toContainText(new RegExp(`${clipped}.*\\d{4} [\\u4e00-\\u9fff]+.*0103 旱地`)) // classes by name
  await expect(page).toHaveURL(new RegExp(`pick=in/${clipped}`))
  await expect(page).toHaveURL(/at=111\.65\d+,36\.2\d+,1[67]/)
  await drawn(page)
  await accessible(page)
  await pictured(page, 'map')

  // The address alone leads to the same.
  const kept = page.url()
  await page.goto('about:blank')
  await page.goto(kept)
  await drawn(page)
  await expect(panel(page).getByText(/位于生态保护红线内；/)).toBeVisible()
  await expect(page.getByRole('checkbox', { name: '基本草原' })).toBeChecked()
  expect(page.url()).toBe(kept)
  // A click on the map where it lies picks the same; beside it, the survey's parcel.
  await page.getByRole('tab', { name: '图面统计' }).click()
  const canvas = (await page.locator('.middle canvas').boundingBox())!
  await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2 + 20)
  await expect(panel(page).getByRole('heading', { name: `转进 ${clipped}` })).toBeVisible()
  await page.mouse.click(canvas.x + 60, canvas.y + canvas.height / 2 + 60)
  await expect(panel(page).getByRole('heading', { name: /地类图斑/ })).toBeVisible()
  await expect(panel(page).getByText('图斑面积')).toBeVisible()
})

test('筛查发现 and 方案地块 are layers of the year that is shown, with a legend, and lead to the parcel', async ({ page, request }) => {
  const runs = (await (await request.get(`${api}/screenings`)).json()) as { run_id: string; year: number; status: string }[]
  const run = runs.find((r) => r.status === 'done' && r.year === 2025)!.run_id
  const published = (await (await request.get(`${api}/years/2025/publications`)).json()) as { plan_id: string; status: string; number: number }[]
  const plan = published.filter((p) => p.status === 'approved').sort((a, b) => b.number - a.number)[0]!.plan_id
  await page.goto(`${address}&at=111.654200,36.239500,16.5&layers=parcels`)
  await drawn(page)
  const tile = (of: string) => page.waitForResponse((r) => r.url().includes('/xyz/') && r.url().includes(of) && r.status() === 200)
  await Promise.all([tile(`collections=findings&run=${run}`), page.getByRole('checkbox', { name: '筛查发现' }).check()])
  await Promise.all([tile(`collections=plan_parcels&plan=${plan}`), page.getByRole('checkbox', { name: '方案地块' }).check()])
  await expect(page).toHaveURL(/layers=parcels,findings,plan_parcels/)
  await expect(page.getByRole('list', { name: /发现图例/ }).getByRole('listitem')).toContainText(['禁止', '人工核定', '提示', '评分'])
  await expect(page.getByRole('list', { name: /方案图例/ }).getByRole('listitem')).toContainText(['选用', '未选用', '锁定选用', '锁定不用', '不能选用'])
  await expect(page.getByText(`已批准的方案 ${plan.slice(0, 8)}`)).toBeVisible()
  await drawn(page)
  await page.locator('.middle canvas').focus()
  await page.keyboard.press('Enter')
  await expect(panel(page).getByRole('heading', { name: `转进 ${clipped}` })).toBeVisible()
  await expect(panel(page).getByText(/此处还有：/)).toContainText(/方案 (选用|未选用)/)
  await accessible(page)
})

test('by keyboard: the map is moved, a parcel picked at the cross, a number found', async ({ page }) => {
  await page.goto(`${address}&at=111.654200,36.239500,16.5`)
  await drawn(page)
  await page.locator('.middle canvas').focus()
  await page.keyboard.press('Enter')
  await expect(panel(page).getByRole('heading', { name: `转进 ${clipped}` })).toBeVisible()
  await page.keyboard.press('ArrowRight')
  await expect(page).toHaveURL(/at=111\.65(4[3-9]|[5-9])/)
  await page.getByRole('textbox', { name: /申报编号、图斑/ }).fill('ZC1499011000034')
  await page.keyboard.press('Enter')
  await expect(panel(page).getByRole('heading', { name: '转出 ZC1499011000034' })).toBeVisible()
  await page.getByRole('textbox', { name: /申报编号、图斑/ }).fill('没有这个编号')
  await page.keyboard.press('Enter')
  await expect(page.getByText(/没有找到“没有这个编号”/)).toBeVisible()
})

test('试算 and 量测: what is drawn or dropped is judged as the API judges it, and nothing is stored', async ({ page, request }) => {
  const before = await (await request.get(`${api}/candidates?year=2025&limit=1`)).json()
  await page.goto(`${address}&at=111.654200,36.239500,16`)
  await drawn(page)
  const canvas = (await page.locator('.middle canvas').boundingBox())!
  const [x, y] = [canvas.x + canvas.width / 2, canvas.y + canvas.height / 2]
  const square = async () => {
    for (const [dx, dy] of [[-60, -60], [60, -60], [60, 60], [-60, 60]] as const) await page.mouse.click(x + dx, y + dy, { delay: 20 })
    await expect(page.getByText(/已有 4 点/)).toBeVisible()
    await page.getByRole('button', { name: /完成/ }).click()
  }
  await page.getByRole('button', { name: '量面积' }).click()
  const [measured] = await Promise.all([page.waitForResponse(/processes\/area\/execution/), square()])
  await expect(page.getByText(new RegExp(`面积 ${(await measured.json()).area_mu} 亩`))).toBeVisible()
  await page.getByRole('button', { name: /清除/ }).click()

  await page.getByRole('tab', { name: '试算' }).click()
  await page.getByLabel('拟转为').selectOption('0103')
  await page.getByRole('button', { name: /在图上画/ }).click()
  await square()
  const [judged] = await Promise.all([page.waitForRequest((r) => r.url().endsWith('/whatif')), page.getByRole('button', { name: /试算 · Judge/ }).click()])
  const own = await (await request.post(`${api}/whatif`, { data: judged.postDataJSON() })).json()
  const names: Record<string, string> = { eligible: '符合', eligible_after_clip: '裁剪后符合', needs_review: '需人工核定', forbidden: '禁止', unknown: '资料不全' }
  await expect(panel(page).locator('.verdict')).toContainText(names[own.items[0].verdict.verdict]!)
  expect(own.items[0].findings.some((f: { clause: string }) => f.clause === 'IN-03a')).toBe(true)
  for (const f of own.items[0].findings) await expect(panel(page).locator('.findings p').getByText(f.message_zh.replace(/；依据《.*$/, ''), { exact: true })).toBeVisible()
  await expect(panel(page).getByText(/；依据《/)).toHaveCount(0) // the source is said once, by itself
  await accessible(page)

  const file = { type: 'FeatureCollection', features: [{ type: 'Feature', properties: { SBBH: 'HC-1', XZDM: '149901100', DLBM: '0204', NZDL: '0103' }, geometry: { type: 'Polygon', coordinates: [[[111.6535, 36.2395], [111.6545, 36.2395], [111.6545, 36.24], [111.6535, 36.24], [111.6535, 36.2395]]] } }] }
  await page.locator('input[type=file]').setInputFiles({ name: '合成.geojson', mimeType: 'application/geo+json', buffer: Buffer.from(JSON.stringify(file)) })
  await expect(panel(page).locator('.verdict')).toHaveCount(0) // another thing, not judged yet
  await page.getByRole('button', { name: /试算 · Judge/ }).click()
  await expect(panel(page).locator('.verdict')).toBeVisible()
  await expect(panel(page).getByText(/第 1 行（HC-1）/)).toBeVisible()
  await expect(panel(page).getByText(/1030.02 m²/)).toBeVisible()
  expect((await (await request.get(`${api}/candidates?year=2025&limit=1`)).json()).total).toBe(before.total)
})

test('打印: a sheet with title, legend, north, coordinates and a scale that is true on paper', async ({ page }) => {
  await page.goto(`${address}&at=111.654200,36.239500,15`)
  await drawn(page)
  await pressAt(page, page.getByRole('button', { name: /打印/ }))
  await drawn(page, '.print-sheet')
  await page.getByRole('combobox', { name: /比例尺/ }).selectOption('10000')
  const sheet = page.locator('.sheet')
  await expect(sheet.getByText('1:10,000')).toBeVisible()
  await expect(sheet.getByText('500 m')).toBeVisible()
  // 500 m at 1:10,000 are 50 mm.
  const mm = await sheet.locator('.ruler').evaluate((e) => (e.getBoundingClientRect().width * 25.4) / 96)
  expect(mm).toBeCloseTo(50, 0)
  await expect(sheet.getByText(/111°39′/).first()).toBeVisible()
  await expect(sheet.getByText(/图廓西南角 X 401\d{4}\.\d Y 55\d{4}\.\d m/)).toBeVisible()
  await expect(sheet.getByText('0103 旱地')).toBeVisible()
  await drawn(page, '.print-sheet')
  await accessible(page)
  await expect.poll(async () => ((await sheet.locator('.frame img').getAttribute('src')) ?? '').length).toBeGreaterThan(50_000)
  const pdf = (await page.pdf({ preferCSSPageSize: true, printBackground: true })).toString('latin1')
  expect(pdf.match(/\/Type \/Page\b/g)).toHaveLength(1)
  const [width, height] = pdf.match(/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/)!.slice(1).map(Number)
  expect(width).toBeCloseTo(842, -1)
  expect(height).toBeCloseTo(595, -1)
  // The sheet holds the focus while it is open, and gives it back.
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement === document.body || document.activeElement!.closest('dialog') !== null)).toBe(true)
  }
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: /打印/ })).toBeFocused()
  await sound(page)
})

test('a township sees its own parcels, on tiles asked for with its key, on a tablet', async ({ page, request, watched }) => {
  watched.allowed.push(/401/, /404/)
  await page.setViewportSize({ width: 820, height: 1180 })
  const clerk = await hire(request, '合成乡镇经办（图）', 'township_clerk/149901100')
  const asked: (string | undefined)[] = []
  page.on('request', (r) => {
    if (r.url().includes('/xyz/')) asked.push(r.headers()['authorization'])
  })
  await enter(page, clerk, address)
  await drawn(page)
  expect(new Set(asked)).toEqual(new Set([`Bearer ${clerk.key}`]))
  await expect(table(page).getByText('合成一镇').first()).toBeVisible()
  for (const other of ['合成二乡', '合成三乡', '合成四镇']) await expect(table(page).getByText(other)).toHaveCount(0)
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0)
  await accessible(page)
  // Another township's parcel is not there for it.
  await page.evaluate(() => (location.hash = location.hash.replace(/&pick=[^&]*/, '') + '&pick=in/ZJ1499011020001'))
  await page.getByRole('tab', { name: '地块' }).click()
  await expect(panel(page).getByRole('alert')).toBeVisible()
  await expect(panel(page).getByText('18892')).toHaveCount(0)
})

test('tiles that do not come are said, and asked for again; without WebGL the rest of the page works', async ({ page, watched }) => {
  watched.allowed.push(/503/)
  await page.route('**/xyz/**', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{}' }))
  await page.goto(address)
  await expect(page.getByText(/有瓦片没有读到/)).toBeVisible({ timeout: 30_000 })
  await page.unroute('**/xyz/**')
  await page.getByRole('button', { name: /重试/ }).click()
  await drawn(page)
  await expect(page.getByText(/有瓦片没有读到/)).toBeHidden()

  await page.addInitScript(() => {
    const real = HTMLCanvasElement.prototype.getContext
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, ...rest: unknown[]) {
      return kind === 'webgl2' ? null : (real as (...a: unknown[]) => unknown).call(this, kind, ...rest)
    } as typeof real
  })
  await page.goto('about:blank')
  await page.goto(address)
  await expect(page.getByText(/没有 WebGL 2/)).toBeVisible()
  await table(page).getByText('ZJ1499011000002').click()
  await expect(panel(page).getByRole('heading', { name: '转进 ZJ1499011000002' })).toBeVisible()
})
