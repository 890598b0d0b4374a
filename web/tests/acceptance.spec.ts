import type { Page } from '@playwright/test'
import { chooseAt, pressAt, sound } from './keys'
import { accessible, expect, pictured, test } from './watched'
import { act, approvedPlots, boundaryText, fileDocument, photoOf, sign, townshipChecked, waitFor, type Plot } from './fieldyear'
import { call, county, enter, hire, type Person } from './people'

// A year of its own: nothing that other specs do or did in theirs matters here.
const year = 2027
const town = '149901100'
const at = (more = '') => `/#/acceptance?county=${county}&year=${year}&unit=m2${more}`
/** So many days from today in China, as the service counts them. */
const day = (n: number) => new Date(Date.now() + n * 86_400_000).toLocaleDateString('sv-SE', { timeZone: 'Asia/Shanghai' })

let clerk: Person // declares; as it should not be, the same person leads the township
let lead: Person
let head: Person
let plots: Plot[]

test.beforeAll(async ({ request }) => {
  clerk = await hire(request, '合成经办甲', `township_lead/${town}`, `township_clerk/${town}`)
  lead = await hire(request, '合成乡镇长', `township_lead/${town}`)
  head = await hire(request, '合成局长', 'bureau_lead')
  plots = await approvedPlots(request, year, town, 4, { ...clerk, roles: [`township_clerk/${town}`] })
})

test('乡镇初验: begun, measured, photographed and signed by another than who declared it', async ({ page, request, watched }) => {
  watched.allowed.push(/401|409/)
  const plot = plots[0]!
  await enter(page, lead, at('&turn=begin'))
  await page.getByRole('grid', { name: /外业核查表/ }).getByText(plot.number).click()
  await expect(page).toHaveURL(new RegExp(`record=in/${plot.number}`))
  await expect(page.getByRole('heading', { name: new RegExp(plot.number) })).toBeVisible()

  // Refused in the service's words; the reason that was typed is still there.
  const step = page.locator('form', { hasText: '办理' }).filter({ has: page.getByRole('button', { name: /办理：/ }) })
  await step.getByLabel(/理由/).fill('合成：先行开工')
  await step.getByRole('button', { name: '办理：开始实施' }).click()
  await expect(step.getByRole('alert')).toContainText('缺少材料')
  await expect(step.getByLabel(/理由/)).toHaveValue('合成：先行开工')
  await page.getByLabel(/种类/).selectOption('consent')
  await page.getByLabel(/材料文件/).setInputFiles({ name: '合成_同意书.txt', mimeType: 'text/plain', buffer: Buffer.from('合成') })
  await page.getByRole('button', { name: /存档/ }).click()
  await expect(page.getByText('已存档：权利人同意书')).toBeVisible()
  await step.getByRole('button', { name: '办理：开始实施' }).click()
  await expect(page.locator('.grid strong').filter({ hasText: /^实施中$/ })).toBeVisible()

  // Pasted coordinates: what is no point is said by line, and the rest is drawn and sent.
  await page.getByLabel(/坐标 Coordinates/).fill(`甲\n${boundaryText(plot)}`)
  await expect(page.getByText(/第 1 行“甲”不是坐标/)).toBeVisible()
  await page.getByLabel(/坐标 Coordinates/).fill(boundaryText(plot))
  await expect(page.getByText(/✔ .*个点，经纬度/)).toBeVisible()
  await page.getByRole('button', { name: /提交量测/ }).click()
  await expect(page.getByRole('heading', { name: /乡镇初验量测/ })).toBeVisible()
  await expect(page.getByText(/✔ 不超过 5%：/)).toBeVisible()

  await page.getByLabel(/选照片文件/).setInputFiles([
    { name: '合成_无定位.jpg', mimeType: 'image/jpeg', buffer: await plain(page) },
    { name: '合成_现场.jpg', mimeType: 'image/jpeg', buffer: await photoOf(page, plot) },
  ])
  const photos = page.locator('.photos li')
  await expect(photos.filter({ hasText: '合成_无定位.jpg' })).toContainText('✘')
  await expect(photos.filter({ hasText: '合成_现场.jpg' })).toContainText('✔ 合格')
  await expect(photos.filter({ hasText: '合成_现场.jpg' }).getByRole('img')).toBeVisible()

  await fileDocument(request, year, plot, `township_lead/${town}`, 'acceptance_form')
  await agreed(page)
  await page.getByRole('button', { name: /签字 · Sign/ }).click()
  await expect(page.getByText(/已签字：乡镇，符合/)).toBeVisible()
  await page.locator('.box.ready').waitFor()
  await photos.filter({ hasText: '合成_现场.jpg' }).getByRole('button', { name: '在图上看' }).click()
  await accessible(page)
  await page.evaluate(() => scrollTo(0, 0))
  await pictured(page, 'acceptance')
  await step.getByRole('button', { name: '办理：乡镇初验合格' }).click()
  await expect(page.getByRole('status').filter({ hasText: /现为“乡镇初验”/ })).toBeVisible()
})

/** Fills in the checklist: everything as it should be. */
async function agreed(page: Page) {
  const form = page.locator('form', { has: page.getByRole('button', { name: /签字 · Sign/ }) })
  await expect(form).toBeVisible()
  for (const item of await form.getByRole('group').all()) await item.getByLabel('符合', { exact: true }).check()
  return form
}

/** A JPEG without EXIF. */
async function plain(page: Page) {
  return Buffer.from(await page.evaluate(() => Object.assign(document.createElement('canvas'), { width: 40, height: 30 }).toDataURL('image/jpeg').split(',')[1]!), 'base64')
}

test('who declared a parcel is not let sign for it', async ({ page, request, watched }) => {
  watched.allowed.push(/400|401|409/) // 400: of several roles none is named in the first questions
  const plot = plots[2]!
  await fileDocument(request, year, plot, `township_clerk/${town}`, 'consent')
  await act(request, year, `township_clerk/${town}`, 'start', [plot.number])
  await call(request, 'POST', `/years/${year}/records/in/${plot.number}/inspections`, { kind: 'township', geometry: { type: 'Polygon', coordinates: plot.rings } }, undefined, `township_lead/${town}`)
  await call(request, 'POST', `/years/${year}/records/in/${plot.number}/photos?file_name=a.jpg`, await photoOf(page, plot), undefined, `township_lead/${town}`)
  await enter(page, clerk, at(`&record=in/${plot.number}`), `township_lead/${town}`)
  const form = await agreed(page)
  await form.getByLabel(/说明/).fill('合成：本人申报')
  await form.getByRole('button', { name: /签字 · Sign/ }).click()
  await expect(form.getByRole('alert')).toContainText('申报或提交了该地块，不得在审查、验收中签字')
  await expect(form.getByLabel(/说明/)).toHaveValue('合成：本人申报')
  await expect(form.getByLabel('符合', { exact: true }).first()).toBeChecked()
  // The service away: said so, and nothing is lost.
  watched.allowed.push(/ERR_CONNECTION_REFUSED|Failed to load resource/)
  await page.route('**/signatures', (route) => route.abort('connectionrefused'))
  await form.getByRole('button', { name: /签字 · Sign/ }).click()
  await expect(form.getByRole('alert')).toContainText('填写的内容仍在本页，还没有送出')
  await expect(form.getByLabel(/说明/)).toHaveValue('合成：本人申报')
})

test('县级验收: failed, put right, measured again and accepted', async ({ page, request, watched }) => {
  test.setTimeout(120_000)
  watched.allowed.push(/401|409/)
  const plot = plots[1]!
  await townshipChecked(request, page, year, plot)
  await enter(page, head, at(`&turn=county&record=in/${plot.number}`))
  const step = page.locator('form', { has: page.getByRole('button', { name: /办理：/ }) })
  await step.getByLabel('验收不合格').check()
  await step.getByLabel(/理由/).fill('合成：石砾较多')
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(page.getByText(/现为“验收不合格”/)).toBeVisible()
  await step.getByLabel('要求整改').check()
  await step.getByLabel(/整改清单/).fill('清除石砾（合成）\n培肥（合成）')
  await step.getByLabel(/理由/).fill('合成：耕作层不足')
  // Without a day, and with one that is past, it is refused and nothing typed is lost.
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(step.getByRole('alert')).toContainText('须写明整改期限')
  await step.getByLabel(/整改期限/).fill(day(-1))
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(step.getByRole('alert')).toContainText(`整改期限 ${day(-1)} 已经过去`)
  await expect(step.getByLabel(/整改清单/)).toHaveValue('清除石砾（合成）\n培肥（合成）')
  await step.getByLabel(/整改期限/).fill(day(10))
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(page.getByText(`整改期限 ${day(10)}，还有 10 天`).first()).toBeVisible()
  await page.goto(`/#/?county=${county}&year=${year}`)
  await expect(page.getByRole('listitem').filter({ hasText: '整改中 1 块' })).toContainText(`最近的整改期限 ${day(10)} 还有 10 天`)

  await enter(page, lead, at(`&turn=rectify&record=in/${plot.number}`))
  for (const n of [1, 2]) {
    await page.getByLabel(/整改情况/).first().fill(`合成：已办 ${n}`)
    await page.getByRole('button', { name: `办结第 ${n} 项` }).click()
    await expect(page.getByText(`✔ 已办结：合成：已办 ${n}`)).toBeVisible()
  }
  await fileDocument(request, year, plot, `township_clerk/${town}`, 'rectification')
  await step.getByLabel('整改完成').check()
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(page.getByText(/现为“实施中”/)).toBeVisible()
  await townshipChecked(request, page, year, plot, true)

  await enter(page, head, at(`&turn=county&record=in/${plot.number}`))
  await page.getByLabel(/边界文件/).setInputFiles({ name: '合成_竣工.geojson', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: plot.rings } })) })
  await expect(page.getByText(/✔ 合成_竣工.geojson/)).toBeVisible()
  await page.getByRole('button', { name: /提交量测/ }).click()
  await expect(page.getByRole('heading', { name: /县级验收量测/ })).toBeVisible()
  await step.getByLabel('县级验收合格').check()
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(step.getByRole('alert')).toContainText('缺少材料')
  await fileDocument(request, year, plot, 'bureau', 'acceptance_form')
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(step.getByRole('alert')).toContainText('签字')
  for (const department of ['agriculture', 'forestry', 'water']) await sign(request, year, plot, department)
  await agreed(page)
  await pressAt(page, page.getByRole('button', { name: /签字 · Sign/ }))
  await expect(page.getByText(/已签字：自然资源，符合/)).toBeVisible()
  await chooseAt(page, step.getByLabel('县级验收合格'))
  await pressAt(page, step.getByRole('button', { name: /办理：/ }))
  await expect(page.getByText(/现为“县级验收合格”/)).toBeVisible()
  await sound(page)
  const books = await call<{ township_code: string; measure: string; accepted_in_m2: string }[]>(request, 'GET', `/years/${year}/ledger`)
  const booked = books.find((b) => b.township_code === town && b.measure === 'area')!
  const { inspections } = await call<{ inspections: { kind: string; net_m2: string }[] }>(request, 'GET', `/years/${year}/records/in/${plot.number}`)
  expect(Number(booked.accepted_in_m2)).toBeGreaterThanOrEqual(Number(inspections.find((i) => i.kind === 'county')!.net_m2))
  // The survey of the year after is not there: the service says so.
  watched.allowed.push(/400/)
  await page.getByRole('button', { name: /试算 · Try/ }).click()
  await expect(page.getByRole('alert').filter({ hasText: '2028' })).toContainText('没有 2028 年的地类图斑')
})

test('转出 after what was accepted: locked, released, carried out and revoked; recognised on both sides by the next survey', async ({ page, request, watched }) => {
  test.setTimeout(120_000)
  watched.allowed.push(/401|409/)
  const [brought, out] = [plots[1]!, plots.find((p) => p.direction === 'out')!]
  await enter(page, head, at(`&turn=begin&record=out/${out.number}`))
  const step = page.locator('form', { has: page.getByRole('button', { name: /办理：/ }) })
  const take = async (name: RegExp, now: string, reason = '') => {
    await step.getByLabel(name).check()
    if (reason) await step.getByLabel(/理由/).fill(reason)
    await step.getByRole('button', { name: /办理：/ }).click()
    await expect(page.getByText(`现为“${now}”`)).toBeVisible()
  }
  await take(/指标锁定/, '指标锁定')
  await step.getByLabel('准予实施').check()
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(step.getByRole('alert')).toContainText('缺少材料')
  await fileDocument(request, year, out, `township_clerk/${town}`, 'consent')
  await take(/准予实施/, '准予实施')
  // More than was released is refused, and what was typed stays.
  await step.getByLabel('已实施').check()
  await step.getByLabel(/实际面积/).fill('999999')
  await step.getByRole('button', { name: /办理：/ }).click()
  await expect(step.getByRole('alert')).toContainText('台账不允许')
  await expect(step.getByLabel(/实际面积/)).toHaveValue('999999')
  await step.getByLabel(/实际面积/).fill('')
  await take(/已实施/, '已实施')
  // Taken back on the page of declarations, and done again there.
  await page.goto(`/#/declarations?county=${county}&year=${year}&tab=candidates&parcel=out/${out.number}`)
  const panel = page.locator('section[aria-labelledby=parcel]')
  await panel.getByRole('button', { name: /^撤销上一步/ }).click()
  await panel.getByRole('button', { name: /确认办理/ }).click()
  await expect(panel.getByRole('alert')).toContainText('须说明理由')
  await panel.getByLabel(/说明、理由/).fill('合成：面积填错')
  await panel.getByRole('button', { name: /确认办理/ }).click()
  await expect(panel.locator('h2 .state')).toHaveText('准予实施')
  await panel.getByRole('button', { name: /^已实施/ }).click()
  await panel.getByRole('button', { name: /确认办理/ }).click()
  await expect(panel.locator('h2 .state')).toHaveText('已实施')

  // The surveys of this year and of the year after, made up: those of 2025 and 2026 once more.
  const surveys = await call<{ upload_id: string; year: number }[]>(request, 'GET', '/datasets?kind=DLTB&current=true')
  const loaded: string[] = []
  for (const of of [year, year + 1]) {
    const { dataset, job } = await call<{ dataset: { dataset_id: string }; job: { job_id: string } }>(request, 'POST', '/datasets', { upload_id: surveys.find((d) => d.year === of - 2)!.upload_id, kind: 'DLTB', year: of })
    await waitFor(request, job.job_id)
    const { status, problem } = await call<{ status: string; problem?: unknown }>(request, 'GET', `/datasets/${dataset.dataset_id}`)
    expect(status, JSON.stringify(problem)).toBe('committed')
    loaded.push(dataset.dataset_id)
  }
  for (const plot of [out, brought]) {
    await page.goto(at(`&turn=recognise&record=${plot.direction}/${plot.number}`))
    const form = page.locator('form', { has: page.getByRole('button', { name: /试算 · Try/ }) })
    await form.getByLabel(/理由/).fill('合成：未经日常变更')
    await form.getByRole('button', { name: /试算 · Try/ }).click()
    await expect(form.getByRole('status')).toHaveText('已试算，没有入账。')
    await expect(form.getByRole('row')).toHaveCount(4)
    await form.getByRole('button', { name: /认定入账/ }).click()
    await expect(page.locator('.grid strong').filter({ hasText: /^年度变更认定$/ }).first()).toBeVisible()
    await expect(form).toHaveCount(0)
    const { record } = await call<{ record: { state: string } }>(request, 'GET', `/years/${year}/records/${plot.direction}/${plot.number}`)
    expect(record.state).toBe('recognised')
  }
  for (const id of loaded) await call(request, 'POST', `/datasets/${id}/retire`, { reason: '合成：试完停用' })
})

test('the list by keyboard, on paper and on a tablet; a year without settings', async ({ page, watched }) => {
  await page.setViewportSize({ width: 1024, height: 768 })
  await page.goto(at('&turn=begin'))
  const spare = plots[3]!
  const list = page.getByRole('grid', { name: /外业核查表/ })
  await expect(list.getByRole('row', { name: new RegExp(spare.number) })).toBeVisible()
  await list.focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/record=in/)
  await expect(page.getByRole('heading', { name: /量测与签字/ })).toBeVisible()
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0)
  await accessible(page)
  await page.evaluate(() => {
    window.print = () => void (document.title = [...document.querySelectorAll('table.form tbody tr')].map((r) => r.textContent).join('|'))
  })
  await page.getByRole('button', { name: /打印核查表/ }).click()
  await expect(page).toHaveTitle(new RegExp(spare.number))
  watched.allowed.push(/404/)
  await page.goto(`/#/acceptance?county=${county}&year=2031`)
  await expect(page.getByText('本年度还没有设置期限与部门')).toBeVisible()
  await expect(page.getByText(/没有“待核查/)).toBeVisible()
})
