import { readFile } from 'node:fs/promises'
import { pressAt, sound, tabTo, typeAt } from './keys'
import { accessible, expect, pictured, test } from './watched'

const county = '149901'

test('总览: the year in figures, by township, with deadlines, alerts and layers', async ({ page, request }) => {
  await page.goto('/#/?year=2025')
  await expect(page.getByRole('heading', { level: 1, name: '2025 年度总览' })).toBeVisible()
  await expect(page).toHaveTitle('示例县（合成） · 耕衡')
  await expect(page.getByText('合成数据')).toBeVisible()
  await expect(page).toHaveURL(/county=149901/)

  // The figures are those of the API, converted once.
  const books = await (await request.get(`/api/v1/counties/${county}/years/2025/ledger/reconciliation`)).json()
  const area = books.totals.find((t: { measure: string }) => t.measure === 'area')
  const mu = (m2: string) => ((Math.round(Number(m2) * 100) * 3) / 2000 / 100).toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  const row = page.getByRole('row', { name: /^数量/ })
  const cell = row.getByRole('cell').nth(1)
  await expect(cell).toContainText(`进 ${mu(area.accepted_in_m2)}`)
  await expect(cell).toContainText(`出 ${mu(area.executed_out_m2)}`)
  await page.getByLabel('面积单位').selectOption('m2')
  await expect(cell).toContainText(Number(area.accepted_in_m2).toLocaleString('en', { minimumFractionDigits: 2 }))
  await page.getByLabel('面积单位').selectOption('mu')

  // One township recognised less than it had used. The year is past that stage, so it is
  // said at once, in words and not by colour alone, though the county is in balance.
  await expect(page.getByText('全县认定转进不少于认定转出')).toBeVisible()
  await expect(page.getByText(/✘ 1 个乡镇结余为负：合成六乡/)).toBeVisible()
  await expect(page.getByRole('row', { name: /^不足的乡镇/ }).getByRole('cell').nth(2)).toContainText(/✘ 合成六乡 数量 −/)
  const six = page.getByRole('button', { name: /合成六乡：结余 −/ })
  await expect(six).toBeVisible()
  await expect(page.getByRole('img', { name: /各乡镇认定转进/ })).toBeVisible()
  // All of that is in the first view.
  for (const seen of [six, row, page.getByRole('img', { name: /各乡镇认定转进/ })]) {
    const box = (await seen.boundingBox())!
    expect(box.y + box.height).toBeLessThanOrEqual(768)
  }
  await expect(page.getByText('方案中的地块没有新的冲突')).toBeVisible()
  await expect(page.getByRole('link', { name: /IN-03a 不得在生态保护红线内转进/ })).toBeVisible()
  await expect(page.getByText('必需的图层齐全')).toBeVisible()
  await expect(page.getByText('乡镇申报期限')).toBeVisible()
  await accessible(page)
  await pictured(page, 'overview')

  // What the plan chose stands beside what is still booked of it, and a figure leads to its parcels.
  expect(area.entered_in_m2).not.toBe(area.planned_in_m2)
  await expect(page.getByText(/批准的方案选中/)).toContainText(`转进 ${mu(area.entered_in_m2)}`)
  await row.getByRole('link', { name: `进 ${mu(area.planned_in_m2)}` }).first().click()
  const parts = await (await request.get(`/api/v1/counties/${county}/years/2025/ledger/parcels?stage=planned&direction=in&limit=200`)).json()
  const parcels = page.getByRole('region', { name: '计划转进的地块', exact: true })
  await expect(parcels.getByRole('status')).toContainText(`${parts.parcels} 块，数量合计 ${mu(area.planned_in_m2)} 亩；批准的方案记入 ${mu(area.entered_in_m2)}，其后调出、核销 ${parts.gone} 块`)
  await expect(parcels.getByRole('row')).toHaveCount(parts.items.length + 1)
  await accessible(page)
  await parcels.getByRole('link', { name: `转进 ${parts.items[0].number}` }).click()
  await expect(page).toHaveURL(new RegExp(`#/acceptance.*record=in/${parts.items[0].number}`))
  await page.goto(`/#/?county=${county}&year=2025`)
  await page.getByRole('link', { name: /^核销的转进地块/ }).click()
  await expect(page.getByText(new RegExp(`^${parts.gone} 块，净面积`))).toBeVisible()
  await page.goBack()

  // A township leads to its book, by keyboard too.
  await six.focus()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/#\/ledger.*township=149901105/)
  await expect(page.getByRole('heading', { name: /合成六乡 的分录/ })).toBeVisible()
})

test('总览: a layer that came after the screening makes its answer worth nothing, and that is said', async ({ page }) => {
  await page.route('**/datasets?current=true', async (route) => {
    const list = (await (await route.fetch()).json()) as { kind: string; dataset_id: string }[]
    await route.fulfill({ json: list.map((d) => (d.kind === 'STBHHX' ? { ...d, dataset_id: '00000000-0000-4000-8000-000000000000' } : d)) })
  })
  await page.goto(`/#/?county=${county}&year=2025`)
  await expect(page.getByText(/筛查之后又有新数据：生态保护红线。/)).toBeVisible()
  await expect(page.getByRole('link', { name: '⚠ 须重新筛查' })).toBeVisible()
  await expect(page.getByText('✔ 没有新冲突')).toHaveCount(0)
})

test('台账: planned, accepted, recognised by township, entries, and a file that adds up', async ({ page }) => {
  await page.goto(`/#/ledger?county=${county}&year=2025&unit=m2`)
  const table = page.getByRole('table').first()
  await expect(table.getByRole('row')).toHaveCount(2 + 6 + 1)
  // From here on by keyboard alone.
  await pressAt(page, page.getByRole('button', { name: '合成一镇' }))
  const entries = page.getByRole('region', { name: '合成一镇的分录' })
  await expect(entries.getByRole('row', { name: /计划转进/ }).first()).toBeVisible()
  await accessible(page)
  await pictured(page, 'ledger')

  const [file] = await Promise.all([page.waitForEvent('download'), pressAt(page, page.getByRole('button', { name: '导出 CSV' }), 'Enter', 'Shift+Tab')])
  const text = await readFile(await file.path(), 'utf8')
  const rows = text.trim().split('\r\n').map((line) => line.replace(/^\ufeff/, '').split(','))
  expect(rows[0]!.slice(0, 3)).toEqual(['乡镇代码', '乡镇', '转进计划（平方米）'])
  const cents = (cell: string | undefined) => Math.round(Number(cell) * 100)
  for (let column = 2; column < rows[0]!.length; column++) {
    const sum = rows.slice(1, -1).reduce((total, row) => total + cents(row[column]), 0)
    expect(sum, rows[0]![column]!).toBe(cents(rows.at(-1)![column]))
  }
  // An entry leads to its parcel, and the focus goes along.
  const entry = entries.getByRole('link').first()
  const parcel = (await entry.textContent())!
  await pressAt(page, entry)
  await expect(page.getByRole('heading', { level: 2, name: parcel })).toBeVisible()
  await sound(page)
})

test('占用查询: from a clause to its findings', async ({ page, request }) => {
  test.slow() // a map is drawn by software here
  await page.goto(`/#/overlaps?county=${county}&year=2025`)
  const runs = await (await request.get(`/api/v1/counties/${county}/screenings`)).json()
  const run = runs.find((r: { status: string; year: number }) => r.status === 'done' && r.year === 2025)
  const findings = await (await request.get(`/api/v1/counties/${county}/screenings/${run.run_id}/findings?clause=IN-03a&limit=1`)).json()
  await pressAt(page, page.getByRole('button', { name: 'IN-03a', exact: true }))
  await expect(page.getByText(`共 ${findings.total} 条`)).toBeVisible()
  await expect(page.getByText('位于生态保护红线内').first()).toBeVisible()
  await expect(page).toHaveURL(/clause=IN-03a/)
  await page.getByLabel('汇总 Sum by').selectOption('township')
  await expect(page.getByRole('columnheader', { name: '乡镇' })).toBeVisible()
  await accessible(page)
  await pictured(page, 'overlaps')
  // Several clauses at once; the list, the map and the files have the same.
  const clauses = page.locator('summary', { hasText: 'IN-03a' })
  await pressAt(page, clauses, 'Enter', 'Shift+Tab')
  await pressAt(page, page.getByRole('checkbox', { name: /^IN-01（/ }), 'Space')
  await page.keyboard.press('Escape')
  await expect(page.locator('summary', { hasText: '已选 2 项' })).toBeFocused()
  await expect(page).toHaveURL(/clause=IN-03a,IN-01/)
  const both = await (await request.get(`/api/v1/counties/${county}/screenings/${run.run_id}/findings?clause=IN-03a,IN-01&min_m2=333.33&limit=1`)).json()
  await typeAt(page, page.getByLabel('重叠不小于'), '0.5')
  await page.keyboard.press('Enter')
  await expect(page.getByText(`共 ${both.total} 条`)).toBeVisible()
  await page.getByRole('button', { name: /^图上看 IN-03a/ }).first().click()
  await expect(page.getByRole('list', { name: /发现/ }).locator('[aria-current]')).toContainText('IN-03a')
  const [book] = await Promise.all([page.waitForEvent('download'), pressAt(page, page.getByRole('button', { name: '清单 XLSX' }))])
  expect((await readFile(await book.path())).subarray(0, 2).toString()).toBe('PK')
  const [list] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '清单 CSV' }).click()])
  expect((await readFile(await list.path(), 'utf8')).trim().split('\r\n')).toHaveLength(both.total + 1)
  // The layer, too, is of what the page shows: the service is asked by the same conditions.
  const [asked, layer] = await Promise.all([page.waitForRequest(/findings\.gpkg\?/), page.waitForEvent('download'), page.getByRole('button', { name: /GeoPackage/ }).click()])
  expect(Object.fromEntries(new URL(asked.url()).searchParams)).toEqual({ clause: 'IN-03a,IN-01', min_m2: '333.33' })
  expect((await readFile(await layer.path())).subarray(0, 15).toString()).toBe('SQLite format 3')
  // What is typed is not taken away by an answer that comes meanwhile.
  await page.getByLabel('申报编号').pressSequentially('ZJ')
  await Promise.all([page.waitForResponse(/overlaps\?/), page.getByRole('combobox', { name: /结果/ }).evaluate((e: HTMLSelectElement) => ((e.value = 'hit'), e.dispatchEvent(new Event('change'))))])
  await expect(page).toHaveURL(/outcome=hit/)
  await expect(page.getByLabel('申报编号')).toHaveValue('ZJ')
  await page.getByLabel('申报编号').fill('没有这个编号')
  await page.getByLabel('申报编号').press('Enter')
  await expect(page.getByText('共 0 条')).toBeVisible()
  await expect(page.getByRole('button', { name: /GeoPackage/ })).toBeDisabled()
})

test('on a tablet nothing is cut off', async ({ page }) => {
  await page.setViewportSize({ width: 820, height: 1180 })
  for (const at of ['/', '/overlaps', '/ledger']) {
    await page.goto(`/#${at}?county=${county}&year=2025`)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await expect(page.locator('[aria-busy=true]:visible')).toHaveCount(0)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), at).toBeLessThanOrEqual(0)
  }
  await pictured(page, 'ledger-tablet')
})

test('by keyboard alone from the first key to a page', async ({ page }) => {
  await page.goto('/')
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await page.keyboard.press('Tab')
  await expect(page.getByText('跳到正文')).toBeFocused()
  await page.keyboard.press('Enter')
  await sound(page) // the page itself, drawn
  await tabTo(page, page.getByRole('link', { name: /台账/ }).first(), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: /台账/ })).toBeVisible()
})
