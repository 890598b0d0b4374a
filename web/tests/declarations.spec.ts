/** 候选与申报, in a year of its own beside the one that the demo has closed. */
import type { APIRequestContext, Page } from '@playwright/test'
import { call, county, enter, hire, type Person } from './people'
import { chooseAt, openRow, pressAt, sound } from './keys'
import { accessible, expect, pictured, test } from './watched'

const year = 2026
const town = '149901103' // 合成四乡
const other = '149901101' // where files are spoilt
const third = '149901100' // where single parcels come and go
// Numbers of this run: the year may have been worked in before.
const run = `HZ${Date.now().toString(36).toUpperCase()}`
const at = (query: string) => `/#/declarations?county=${county}&year=${year}&${query}`

interface Feature {
  type: 'Feature'
  properties: Record<string, string | number>
  geometry: { type: string; coordinates: number[][][][] }
}

/** Boundaries of parcels that the closed year wrote off in the township, so that nothing has come of them, as a declaration of new numbers. */
async function declared(request: APIRequestContext, township: string, prefix: string, n: number): Promise<Feature[]> {
  const list = await call<{ items: { number: string; base_dlbm: string; base_bsm: string; target_dlbm: string; method: string; actor: string; village: string; documents: Record<string, string> }[] }>(request, 'GET', `/candidates?year=2025&direction=in&township=${township}&verdict=eligible&state=written_off&limit=${n}`)
  expect(list.items).toHaveLength(n)
  return Promise.all(list.items.map(async (c, i) => {
    const one = await call<{ geometry: Feature['geometry'] }>(request, 'GET', `/candidates/in/${c.number}?year=2025`)
    return { type: 'Feature', properties: { SBBH: `${prefix}${i + 1}`, XZDM: township, CUN: c.village, BSM: c.base_bsm, DLBM: c.base_dlbm, NZDL: c.target_dlbm, HFFS: c.method, ZTLX: c.actor, ...c.documents }, geometry: one.geometry }
  }))
}
const file = (name: string, features: Feature[], pad = 0) => ({ name, mimeType: 'application/geo+json', buffer: Buffer.from(JSON.stringify({ type: 'FeatureCollection', name: 'declared', features }) + ' '.repeat(pad)) })

/** The year's deadlines from today on, where nobody has set them. */
async function opened(request: APIRequestContext) {
  const there = await request.get(`/api/v1/counties/${county}/years/${year}`)
  if (there.ok()) return
  const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString().slice(0, 10)
  await call(request, 'PUT', `/years/${year}`, { declare_by: day(30), plan_by: day(76), survey_date: day(229), reason: '合成示例，期限自今日起算' })
}

let clerk: Person
let bureau: Person
let forestry: Person
test.beforeAll(async ({ playwright, baseURL }) => {
  const request = await playwright.request.newContext({ baseURL: baseURL! })
  await opened(request)
  clerk = await hire(request, '合成经办甲', `township_clerk/${town}`)
  bureau = await hire(request, '合成局经办乙', 'bureau')
  forestry = await hire(request, '合成林业丙', 'forestry')
  await request.dispose()
})

const box = (page: Page) => page.getByLabel(/把文件拖到这里/)
const report = (page: Page) => page.locator('section', { has: page.getByRole('heading', { name: /^检查报告/ }) })

test('a clerk uploads a declaration, sees its verdicts and submits; the bureau checks, a department gives its opinion', async ({ page, watched, request }) => {
  test.setTimeout(90_000)
  watched.allowed.push(/401/, /409/, /403/)
  await enter(page, clerk, at('tab=upload'))
  // A clerk has a township of their own.
  await expect(page.getByLabel('乡镇 Township')).toBeDisabled()
  const [form] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /下载空白转进申报表/ }).click()])
  expect(form.suggestedFilename()).toMatch(/2026-转进申报表-空白.*\.xlsx/)

  await box(page).setInputFiles(file(`${run}.geojson`, await declared(request, town, run, 3)))
  await expect(report(page)).toContainText('✔ 已生效：3 块')
  const verdicts = page.locator('section', { has: page.getByRole('heading', { name: /^筛查结论/ }) })
  await expect(verdicts.getByRole('row')).toHaveCount(6, { timeout: 40_000 })
  const counts = (await verdicts.locator('tbody td:nth-child(2)').allTextContents()).map(Number)
  expect(counts.reduce((a, b) => a + b)).toBe(3)
  // What the page says is what the service says.
  const list = await call<{ items: { number: string; verdict: string }[] }>(request, 'GET', `/candidates?year=${year}&search=${run}`)
  const mine = list.items.filter((c) => c.verdict !== 'forbidden').map((c) => c.number)
  expect(mine.length).toBeGreaterThan(0)
  const number = mine[0]!
  await accessible(page)
  await pictured(page, 'declarations-upload')

  // Declared in bulk, then submitted with one that is late refused in the service's words.
  await page.getByRole('button', { name: /我的待办/ }).click()
  await page.getByLabel('可办理 Action').selectOption('declare')
  await pressAt(page, page.getByRole('button', { name: /^全选所列 3 块/ }))
  const bulk = page.getByRole('region', { name: /成批办理/ })
  await pressAt(page, bulk.getByRole('button', { name: /^申报/ }))
  await expect(bulk.getByLabel(/说明、理由/)).toBeFocused()
  await page.keyboard.type('合成申报')
  await pressAt(page, bulk.getByRole('button', { name: /确认办理/ }))
  await expect(bulk).toHaveCount(0)
  await sound(page) // what was pressed is gone, and the focus is not
  await page.getByLabel('可办理 Action').selectOption('')
  await expect(page.getByRole('row', { name: new RegExp(number) })).toContainText('草稿')
  const grid = page.getByRole('grid', { name: /待办表/ })
  await openRow(page, grid, number)
  const panel = page.locator('section', { has: page.getByRole('heading', { level: 2, name: new RegExp(`转进 ${number}`) }) })
  await pressAt(page, panel.getByRole('button', { name: /^提交/ }))
  // Somebody else was quicker: the service says so, and what was typed is still there.
  await page.keyboard.type('现场已核实，权利人同意')
  await call(request, 'POST', `/years/${year}/actions`, { action: 'submit', items: [{ direction: 'in', number, revision: 1 }] }, clerk)
  await pressAt(page, panel.getByRole('button', { name: /确认办理/ }))
  await expect(panel.getByRole('alert')).toContainText('已被改动')
  await expect(panel.getByRole('button', { name: /确认办理/ })).toBeFocused()
  await expect(panel.getByLabel(/说明、理由/)).toHaveValue('现场已核实，权利人同意')
  // Closed, the panel gives the focus back to the table it was opened from.
  await pressAt(page, panel.getByRole('button', { name: /关闭/ }), 'Enter', 'Shift+Tab')
  await expect(grid).toBeFocused()
  await page.goto(at(`tab=queue&parcel=in/${number}`))
  await page.reload()

  // The consent of the holders is filed by kind.
  await enter(page, clerk, at(`tab=candidates&parcel=in/${number}`))
  await expect(panel).toContainText('乡镇提交')
  await panel.getByLabel('文号').fill('合成同意〔2026〕1号')
  await panel.locator('input[type=file]').setInputFiles({ name: '同意书（合成）.pdf', mimeType: 'application/pdf', buffer: Buffer.from('合成同意书') })
  await panel.getByRole('button', { name: /存档/ }).click()
  await expect(panel.getByRole('region', { name: /材料/ })).toContainText('权利人同意书 同意书（合成）.pdf')
  await expect(panel.getByText(/依据：/).or(panel.getByText(/^发现.*0/)).first()).toBeVisible()

  await enter(page, bureau, at(`tab=queue&parcel=in/${number}`))
  await pressAt(page, panel.getByRole('button', { name: /^内业检查通过/ }))
  await page.keyboard.type('内业核查无误（合成）')
  await pressAt(page, panel.getByRole('button', { name: /确认办理/ }))
  await pressAt(page, panel.getByRole('button', { name: /^送会审/ }))
  await pressAt(page, panel.getByRole('button', { name: /确认办理/ }))
  await expect(panel.locator('h2 .state')).toHaveText('部门会审')

  await enter(page, forestry, at('tab=queue'))
  await openRow(page, grid, number)
  await pressAt(page, panel.getByRole('button', { name: /^出具意见/ }))
  await chooseAt(page, panel.getByLabel('不同意'))
  await pressAt(page, panel.getByRole('button', { name: /确认办理/ }))
  await expect(panel.getByRole('alert')).toContainText('不同意的，请写明理由')
  await panel.getByLabel('有条件同意').check()
  await panel.getByRole('textbox', { name: '条件' }).fill('避开乔木（合成）')
  await panel.getByRole('button', { name: /确认办理/ }).click()
  await expect(panel.getByRole('region', { name: /部门意见/ })).toContainText('林业：有条件同意 避开乔木（合成）')
  await expect(page.getByRole('row', { name: new RegExp(number) })).toHaveCount(0) // no longer in its queue
  await expect(panel.getByRole('region', { name: /历史/ }).getByRole('listitem')).toHaveCount(4)
  await page.locator('.box.ready').first().waitFor()
  await accessible(page)
  await pictured(page, 'declarations')
  // A department declares nothing: it is told whose it is, and offered nothing.
  await page.getByRole('button', { name: /上传与检查/ }).click()
  await expect(page.getByText(/上传申报限 乡镇经办/)).toBeVisible()
  await expect(box(page)).toHaveCount(0)
})

test('a file with a fault is refused by row; the fault is shown on the map, and the proposed repair is accepted', async ({ page, request }) => {
  const [good, bad] = await declared(request, other, `${run}B`, 2)
  // Two vertices of the outer ring change places: the ring crosses itself.
  const ring = bad!.geometry.coordinates[0]![0]!
  const half = Math.floor(ring.length / 2)
  ;[ring[1], ring[half]] = [ring[half]!, ring[1]!]
  await page.goto(at(`tab=upload&township=${other}`))
  // By keyboard alone: the file chosen, its fault found on the map, the repair accepted.
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), pressAt(page, box(page))])
  await chooser.setFiles(file(`${run}-自相交.geojson`, [good!, bad!]))
  await expect(report(page)).toContainText('✘ 拒收')
  await expect(report(page)).toContainText('请重新上传')
  const map = report(page).locator('.box.ready')
  await map.waitFor()
  await pressAt(page, report(page).getByRole('button', { name: /^定位 第 2 行/ }).first())
  await expect(report(page).getByRole('button', { name: /^定位 第 2 行/ }).first()).toHaveAttribute('aria-pressed', 'true')
  // The map stands at the fault: the position it tells is within the parcel.
  const lon = ring.map((p) => p[0]!)
  await expect.poll(async () => {
    const [, e] = /([\d.]+)°E/.exec((await report(page).locator('.where').textContent()) ?? '') ?? []
    return Number(e) >= Math.min(...lon) - 0.001 && Number(e) <= Math.max(...lon) + 0.001
  }).toBe(true)
  await expect(report(page).getByText(/修复提议：/).first()).toContainText('修复后')
  await accessible(page)
  await pictured(page, 'declarations-report')
  await pressAt(page, report(page).getByRole('button', { name: /接受全部修复提议/ }), 'Enter', 'Shift+Tab')
  await expect(report(page)).toContainText('✔ 已生效：2 块')
  await sound(page)
  // It is found again after a reload.
  await page.reload()
  await expect(report(page)).toContainText('✔ 已生效：2 块')
})

test('an upload goes on after a cut, and after a reload with the same file', async ({ page, request, watched }) => {
  watched.allowed.push(/ERR_FAILED|ERR_ABORTED|Failed to load resource|401/)
  const some = file(`${run}-续传.geojson`, await declared(request, other, `${run}C`, 1), 9 << 20)
  const offsets: number[] = []
  let cuts = 0
  await page.route('**/resumable-uploads/*', async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue()
    const offset = Number(route.request().headers()['upload-offset'])
    offsets.push(offset)
    // The second part is cut once, and goes on by itself; from the third on nothing gets through.
    if ((offset === 4 << 20 && cuts++ === 0) || offset >= 8 << 20) return route.abort('failed')
    return route.continue()
  })
  await page.goto(at(`tab=upload&township=${other}`))
  await box(page).setInputFiles(some)
  const progress = page.getByRole('group', { name: /上传进度/ })
  await expect(progress).toContainText('连接中断，即将自动接着传')
  await expect.poll(() => offsets.filter((o) => o >= 8 << 20).length).toBeGreaterThan(0)
  await page.reload()
  await page.unroute('**/resumable-uploads/*')
  const waiting = page.getByRole('listitem').filter({ hasText: some.name })
  await expect(waiting).toContainText('已传 8.0 MB')
  const after: number[] = []
  await page.route('**/resumable-uploads/*', (route) => {
    if (route.request().method() !== 'PATCH') return route.continue()
    after.push(Number(route.request().headers()['upload-offset']))
    // A login that ends under the upload is asked for in place.
    return after.length === 1 ? route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify({ title: '未登录 · Not logged in', status: 401 }) }) : route.continue()
  })
  // And the load is said to have failed once, with its reason, and is done again when asked to.
  const problem = { type: 'about:blank', title: '装载失败（合成） · Failed', status: 500, detail: '读取文件时中断。', hint: '请再装载一次。' }
  for (const of of ['**/jobs/*', '**/datasets/*']) {
    await page.route(of, async (route) => (route.request().method() === 'GET' ? route.fulfill({ json: { ...(await (await route.fetch()).json()), status: 'failed', problem } }) : route.continue()), { times: 1 })
  }
  await box(page).setInputFiles(some)
  await expect(page.getByRole('heading', { name: /请登录/ })).toBeVisible()
  await page.getByRole('button', { name: /已在别处登录/ }).click()
  await expect(progress).toContainText('已暂停')
  await progress.getByRole('button', { name: /重试/ }).click()
  await expect(page.getByRole('alert').filter({ hasText: '装载失败（合成）' })).toContainText('请再装载一次')
  expect(after).toEqual([8 << 20, 8 << 20])
  await page.getByRole('alert').filter({ hasText: '装载失败（合成）' }).getByRole('button', { name: /重试/ }).click()
  await expect(report(page)).toContainText('✔ 已生效：1 块')
  await expect(waiting).toHaveCount(0)
})

test('one parcel is drawn in and taken out again; a township says that it declares nothing, and takes that back', async ({ page, request, watched }) => {
  watched.allowed.push(/404|422/)
  const [one] = await declared(request, third, `${run}D`, 1)
  const number = String(one!.properties['SBBH'])
  await page.goto(at(`tab=candidates&township=${third}`))
  await page.getByRole('button', { name: /画一块新地块/ }).click()
  const form = page.locator('.adding')
  await form.getByLabel(/申报编号/).fill(number)
  await form.getByLabel(/拟转地类/).fill(String(one!.properties['NZDL']))
  await form.getByLabel(/主体类型/).fill('农户')
  await form.getByLabel(/改动的原因/).fill('合成：补画')
  // In another county it is refused, and nothing typed is lost.
  const moved = one!.geometry.coordinates.map((p) => p.map((r) => r.map(([x, y]) => [x! + 0.4, y])))
  await form.getByLabel(/坐标 Coordinates/).fill(JSON.stringify({ type: 'MultiPolygon', coordinates: moved }))
  await form.getByRole('button', { name: /确认画入/ }).click()
  await expect(form.getByRole('alert')).toBeVisible()
  await expect(form.getByLabel(/改动的原因/)).toHaveValue('合成：补画')
  await form.getByLabel(/坐标 Coordinates/).fill(JSON.stringify(one!.geometry))
  await form.getByRole('button', { name: /确认画入/ }).click()
  await expect(form.getByRole('status').last()).toContainText('已改：画入新地块')
  const panel = page.locator('section[aria-labelledby=parcel]')
  await expect(panel.getByRole('heading', { level: 2 })).toContainText(number)
  const listed = async () => (await call<{ items: unknown[] }>(request, 'GET', `/candidates?year=${year}&search=${number}`)).items.length
  expect(await listed()).toBe(1)
  await panel.getByRole('button', { name: /撤出申报/ }).click()
  await panel.getByLabel(/改动的原因/).fill('合成：不再申报')
  await panel.getByRole('button', { name: /确认撤出申报/ }).click()
  await expect(panel).toContainText('现行申报中没有这一块')
  expect(await listed()).toBe(0)

  await page.goto(at(`tab=upload&township=${third}`))
  await page.getByRole('button', { name: /本乡镇没有转进地块/ }).click()
  await page.getByRole('button', { name: /确认没有转进地块/ }).click()
  await expect(report(page)).toContainText('✔ 已生效：0 块')
  const name = (await report(page).locator('strong').first().textContent())!
  expect(name).toContain('无申报')
  await page.getByRole('button', { name: `停用 ${name}` }).click()
  await page.getByLabel(/停用的原因/).fill('合成：又有了')
  await page.getByRole('button', { name: /确认停用/ }).click()
  await expect(page.getByText(`已停用 ${name}`)).toBeVisible()
  await expect(page.getByRole('row', { name: new RegExp(name) }).first()).toContainText('已停用')
})

test('by keyboard from the tabs to a parcel and back, and nothing is cut off on a tablet', async ({ page }) => {
  await page.goto(at('tab=candidates').replace(`year=${year}`, 'year=2025'))
  const table = page.getByRole('grid', { name: /候选地块表/ })
  await expect(table.getByRole('row').nth(1)).toContainText('Z')
  await page.getByLabel('结论 Verdict').selectOption('forbidden')
  await expect(table.getByRole('row').nth(1)).toContainText('✘ 禁止')
  await table.focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  const panel = page.locator('section[aria-labelledby=parcel]')
  await expect(panel).toContainText('✘ 禁止')
  await expect(panel.getByText(/^依据：/).first()).toBeVisible()
  await expect(panel.getByText(/；依据《/)).toHaveCount(0) // the source is said once
  const close = panel.getByRole('button', { name: /关闭/ })
  await close.focus()
  await page.keyboard.press('Enter')
  await expect(panel).toHaveCount(0)
  for (const viewport of [{ width: 820, height: 1180 }, { width: 1024, height: 768 }]) {
    await page.setViewportSize(viewport)
    for (const [tab, shows] of [['upload', /最近/], ['candidates', /候选地块/], ['queue', /我的待办/]] as const) {
      await page.goto(at(`tab=${tab}`))
      await expect(page.getByRole('heading', { level: 1, name: /候选与申报/ })).toBeVisible()
      await expect(page.getByRole('heading', { level: 2, name: shows }).first()).toBeVisible()
      await expect(page.locator('[aria-busy=true]:visible')).toHaveCount(0)
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${tab} ${viewport.width}`).toBeLessThanOrEqual(0)
    }
    // The table chooses its columns by the width: none of the main ones is beyond the edge.
    await page.goto(at('tab=candidates').replace(`year=${year}`, 'year=2025'))
    await expect(table.getByRole('row').nth(1)).toContainText('Z')
    expect(await table.evaluate((e) => e.scrollWidth - e.clientWidth), `${viewport.width}`).toBeLessThanOrEqual(0)
    await expect(table.getByRole('columnheader', { name: /净面积/ })).toBeVisible()
  }
})
