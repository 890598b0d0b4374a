import { readFile } from 'node:fs/promises'
import { accessible, expect, pictured, test } from './watched'
import { pressAt, sound, typeAt } from './keys'
import { call, county, enter, hire, type Person } from './people'

const at = (tab: string, more = '') => `/#/admin?county=${county}&year=2025&tab=${tab}${more}`

let admin: Person
let officer: Person
test.beforeAll(async ({ request }) => {
  admin = await hire(request, '合成系统管理员', 'admin')
  officer = await hire(request, '合成科员', 'bureau')
})

test('用户: a person is entered, given a key that is shown once, and the key is revoked', async ({ page, request, watched }) => {
  watched.allowed.push(/401|409/)
  await enter(page, admin, at('people'))
  const name = `合成 GIS ${Date.now()}`
  const entry = page.locator('form', { has: page.getByRole('button', { name: /登记 · Enter/ }) })
  await entry.getByLabel(/种类/).selectOption('program')
  await entry.getByLabel(/姓名、名称/).fill(name)
  await entry.getByLabel('新登记者的角色 1', { exact: true }).selectOption('township_clerk')
  await entry.getByLabel('新登记者的角色 1 的乡镇').selectOption({ label: '合成一镇' })
  await entry.getByRole('button', { name: /登记 · Enter/ }).click()
  await expect(page.getByRole('heading', { name: new RegExp(name) })).toBeVisible()
  await page.getByLabel(/密钥用途/).fill('桌面 GIS（合成）')
  await page.getByLabel(/有效天数/).fill('30')
  await page.getByRole('button', { name: /发放密钥/ }).click()
  const shown = page.getByRole('alert').filter({ hasText: '只显示这一次' })
  const secret = (await shown.getByRole('code').textContent())!.trim()
  expect(secret).toMatch(/^gh_/)
  await accessible(page)
  await pictured(page, 'admin', '[role=alert] code { color: transparent; background: #8a978f; }') // no key in a picture, not of a county that is gone either
  const me = () => request.get('/api/v1/me', { headers: { Authorization: `Bearer ${secret}` } })
  expect((await me()).status()).toBe(200)
  await shown.getByRole('button', { name: /收起/ }).click()
  await expect(page.getByText(secret)).toHaveCount(0)
  await page.reload()
  await expect(page.getByText(secret)).toHaveCount(0)

  await enter(page, admin, page.url())
  await page.getByRole('button', { name: '吊销密钥 桌面 GIS（合成）' }).click()
  await page.getByLabel(/吊销理由/).fill('合成：遗失')
  await page.getByRole('button', { name: /确认吊销/ }).click()
  await expect(page.getByText('✘ 已吊销')).toBeVisible()
  expect((await me()).status()).toBe(401)

  // The last administrator cannot be taken away: refused in the service's words.
  const others = (await call<{ identity_id: string; roles: { role: string }[]; disabled_at?: string }[]>(request, 'GET', '/identities')).filter((p) => p.identity_id !== admin.id && !p.disabled_at && p.roles.some((r) => r.role === 'admin'))
  test.skip(others.length > 0, 'another administrator is entered')
  await page.goto(at('people', `&identity=${admin.id}`))
  await page.getByLabel(/理由（必填）/).fill('合成：离职')
  await page.getByRole('button', { name: '停用', exact: true }).click()
  await expect(page.getByRole('alert')).toContainText('管理员')
  await expect(page.getByLabel(/理由（必填）/)).toHaveValue('合成：离职')
})

test('规则库: read, a tolerance changed with a reason makes a new version, compared and set back', async ({ page, request, watched }) => {
  watched.allowed.push(/401/)
  const before = (await call<{ rulebook: string }>(request, 'GET', '')).rulebook
  await enter(page, admin, at('rulebook'))
  await page.getByLabel(/查找/).fill('IN-03a')
  const clause = page.locator('article').filter({ hasText: 'IN-03a' })
  await expect(clause).toContainText('依据：《')
  await expect(clause).toContainText('不得重叠：生态保护红线')
  await expect(clause).toContainText('超过 1 m²才算')
  const form = page.locator('form', { has: page.getByRole('heading', { name: /调整容差/ }) })
  const set = async (m2: string, reason: string) => {
    await pressAt(page, clause.getByRole('button', { name: /调整 IN-03a/ }).first())
    await typeAt(page, form.getByLabel('面积超过（m²）'), m2)
    await expect(form.getByRole('button', { name: /试算影响/ })).toBeDisabled()
    await typeAt(page, form.getByLabel(/理由/), reason)
    await expect(form.getByRole('button', { name: /成为新版本/ })).toBeDisabled()
    await pressAt(page, form.getByRole('button', { name: /试算影响/ }))
    await expect(form.getByText(/2025 年度：最近一次筛查中 [1-9]\d* 块/)).toBeVisible()
  }
  await set('25', '合成：按县自然资源局意见')
  expect((await call<{ rulebook: string }>(request, 'GET', '')).rulebook).toBe(before)
  await accessible(page)
  await pressAt(page, form.getByRole('button', { name: /成为新版本/ }))
  await expect(page.getByText(/已成为新版本/)).toBeVisible()
  await sound(page)
  const now = (await call<{ rulebook: string }>(request, 'GET', '')).rulebook
  expect(now).not.toBe(before)
  await expect(page.getByRole('region', { name: /逐条对照/ }).first()).toContainText('超过 25 m²才算')
  await expect(clause).toContainText('超过 25 m²才算')
  await pictured(page, 'admin-rulebook')
  await set('1', '合成：恢复')
  await form.getByRole('button', { name: /成为新版本/ }).click()
  await expect(clause).toContainText('超过 1 m²才算')
  // For whoever comes after: the county works by the version it had.
  const c = await call<{ name: string; srid: number }>(request, 'GET', '')
  await call(request, 'PUT', '', { name: c.name, srid: c.srid, rulebook: before })
  // What was done is in the log, with the reason.
  await page.goto(at('audit', '&what=rulebook.tolerances'))
  await expect(page.getByRole('row', { name: /合成：按县自然资源局意见/ }).first()).toContainText(`规则库版本：${before} → ${now}`)
})

test('操作日志: searched, verified, exported', async ({ page, watched }) => {
  watched.allowed.push(/401/)
  await enter(page, admin, at('audit'))
  // By keyboard alone.
  await typeAt(page, page.getByLabel(/操作人/), '没有这个人')
  await page.keyboard.press('Enter')
  await expect(page.getByText('没有符合条件的记录')).toBeVisible()
  await pressAt(page, page.getByRole('button', { name: '清除条件' }))
  await typeAt(page, page.getByLabel(/事项/), 'identity.create', 'Shift+Tab')
  await page.keyboard.press('Enter')
  const table = page.getByRole('region', { name: /操作日志/ })
  await expect(table.getByRole('row', { name: /identity\.create/ }).first()).toBeVisible()
  await expect(table.getByRole('row', { name: /dataset\./ })).toHaveCount(0)
  await expect(table.getByRole('row', { name: /人员 [0-9a-f-]{36}/ }).first()).toBeVisible()
  await pressAt(page, page.getByRole('button', { name: /核对散列链/ }))
  await expect(page.getByText(/✔ 散列链连贯，共 \d+ 行/)).toBeVisible()
  await sound(page)
  // What was entered is said in words, the rest on demand.
  await expect(table.getByRole('row', { name: /identity\.create/ }).first()).toContainText(/名称：合成.*种类：(人员|程序).*角色：/)
  await pressAt(page, table.locator('summary').first())
  await expect(table.locator('details[open]').first()).toContainText('签发方：')
  await expect(table.locator('pre')).toHaveCount(0)
  await accessible(page)
  const [file] = await Promise.all([page.waitForEvent('download'), pressAt(page, page.getByRole('button', { name: '导出 CSV' }), 'Enter', 'Shift+Tab')])
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n')
  expect(lines.length).toBeGreaterThan(2)
  expect(lines.slice(1).every((l) => l.includes('identity.create'))).toBe(true)
})

test('数据、任务: layers, a refused file with its report, jobs; on a tablet and by keyboard', async ({ page, request }) => {
  // A file that is refused: a declaration whose parcel lies in no county of ours.
  const upload = await call<{ upload_id: string }>(request, 'POST', '/uploads?file_name=bad.geojson', Buffer.from(JSON.stringify({ type: 'FeatureCollection', features: [{ type: 'Feature', properties: { SBBH: 'HC-1' }, geometry: { type: 'Point', coordinates: [111.6, 36.2] } }] })))
  const { dataset, job } = await call<{ dataset: { dataset_id: string }; job: { job_id: string } }>(request, 'POST', '/datasets', { upload_id: upload.upload_id, kind: 'STBHHX', year: 2025 })
  await expect.poll(async () => (await call<{ status: string }>(request, 'GET', `/jobs/${job.job_id}`)).status, { timeout: 30_000 }).toBe('failed')
  await page.setViewportSize({ width: 1024, height: 768 })
  await page.goto(at('data'))
  const layers = page.getByRole('region', { name: /图层/ })
  await expect(layers.getByRole('row', { name: /生态保护红线/ })).toContainText('✔ 现行')
  await page.getByLabel(/只列现行版本/).uncheck()
  const list = page.getByRole('grid', { name: /数据集版本/ })
  await expect(list.getByRole('row', { name: /bad\.geojson/ }).first()).toBeVisible()
  await list.focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(new RegExp(`dataset=`))
  await page.goto(at('data', `&dataset=${dataset.dataset_id}`))
  await page.getByLabel(/只列现行版本/).uncheck()
  await page.getByRole('button', { name: /装载调查、图层、表、高程模型/ }).click()
  await page.getByLabel(/^种类/).selectOption('DEM')
  await expect(page.getByText(/数字高程模型 DEM：一个波段的 GeoTIFF/)).toBeVisible()
  const report = page.getByRole('region', { name: /检查报告/ })
  await expect(report).toContainText('✘ 拒收')
  await expect(report.getByRole('note')).toContainText('拒收的文件什么也没有保存')
  await accessible(page)
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0)
  await page.getByRole('link', { name: /任务/ }).click()
  await page.getByLabel(/状态/).selectOption('failed')
  await expect(page.getByRole('region', { name: /任务/ }).getByRole('row', { name: /装载.*✘ 失败/ }).first()).toBeVisible()
  await accessible(page)
  // A job leads to what it made: a version, a screening, a plan, which has a name.
  await page.getByLabel(/状态/).selectOption('done')
  const jobs = page.getByRole('region', { name: /任务/ })
  for (const [kind, link, to] of [['装载', '数据集版本', /#\/admin.*tab=data.*dataset=|#\/admin.*dataset=.*tab=data/], ['筛查', /\d{4} 年度筛查/, /#\/overlaps.*run=/], ['平衡', '2025 年度进出平衡方案（合成）', /#\/plans.*plan=/]] as const) {
    await jobs.getByRole('row', { name: new RegExp(`^${kind} ✔`) }).getByRole('link', { name: link }).first().click()
    await expect(page).toHaveURL(to)
    await page.goBack()
  }
})

test('whoever is not let in is told so', async ({ page, watched }) => {
  watched.allowed.push(/401/)
  await enter(page, officer, at('people'))
  await expect(page.getByText(/用户与密钥限 系统管理员、审计 查看或办理/)).toBeVisible()
  await page.getByRole('link', { name: /操作日志/ }).click()
  await expect(page.getByText(/操作日志限 系统管理员、审计/)).toBeVisible()
  await page.getByRole('link', { name: /规则库/ }).click()
  await expect(page.getByText('调整容差限自然资源局负责人和系统管理员')).toBeVisible()
  await expect(page.getByRole('button', { name: /调整 / })).toHaveCount(0)
})
