/** 装载新版本。A layer loaded by the page of data, for specs that need one. */
import type { APIRequestContext, Page } from '@playwright/test'
import { pickAt, pressAt, sound, typeAt } from './keys'
import { call } from './people'
import { accessible, expect, pictured } from './watched'

/**
 * Loads a file of one feature as a version of the year, by keyboard alone, from 管理·数据 to
 * the year's alerts. On the way the load is refused for what was said of the file, and then
 * for want of a login: neither takes anything away that was typed or sent.
 */
export async function loadByPage(page: Page, year: number, of: { kind: string; name: string; before: number }, file: string, text: string) {
  await pressAt(page, page.getByRole('button', { name: /装载调查、图层、表、高程模型/ }))
  await expect(page.getByText('还须：选种类、选文件')).toBeVisible()
  await pickAt(page, page.getByLabel(/^种类/), of.kind)
  await expect(page.getByLabel(/^数据年度/)).toHaveValue(String(year))
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), pressAt(page, page.getByLabel(/把文件拖到这里/))])
  await chooser.setFiles({ name: file, mimeType: 'application/geo+json', buffer: Buffer.from(text) })
  const sent = page.getByRole('group', { name: /上传进度/ })
  await expect(sent).toContainText('已上传')
  // What it will take over from is said before anything is done.
  await expect(page.getByText(`${year} 年度起的筛查将用这一版，不再用 ${of.before} 年度的`)).toBeVisible()

  await pressAt(page, page.locator('summary', { hasText: '读取选项' }))
  const crs = page.getByLabel(/^坐标系、带号/)
  await typeAt(page, crs, 'EPSG:4525')
  const load = page.getByRole('button', { name: '装载 · Load' })
  await pressAt(page, load)
  const report = page.getByRole('region', { name: /检查报告/ })
  await expect(report).toContainText('坐标与声明的坐标系矛盾')
  await expect(page.getByText(/年度被拒收，原因和逐行报告见下/)).toBeVisible()
  await sound(page)

  await page.route('**/datasets', (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify({ title: '未登录 · Not logged in', status: 401 }) }) : route.continue()))
  await typeAt(page, crs, ' ', 'Shift+Tab')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: /请登录/ })).toBeVisible()
  await page.unroute('**/datasets')
  await page.getByRole('button', { name: /已在别处登录/ }).click()
  await expect(page.getByLabel(/^种类/)).toHaveValue(of.kind)
  await expect(sent).toContainText('已上传')
  await pressAt(page, load)
  await expect(page.getByText(`✔ ${of.name} ${year} 年度已装载`)).toBeVisible()
  await expect(report).toContainText('✔ 已生效：1 个要素')
  await sound(page)

  const version = page.getByRole('region', { name: new RegExp(`^${of.name} ${year}`) })
  await expect(version).toContainText(/1 个要素，[\d.,]+ 亩/)
  await expect(version).toContainText(/东 [\d,]+–[\d,]+，北 [\d,]+–[\d,]+ m/)
  await expect(version).toContainText(`${year} 年度起的筛查用这一版，不再用 ${of.before} 年度的`)
  await expect(version).toContainText(`⚠ ${year} 年度须重新筛查`)
  await expect(page.getByRole('grid', { name: /数据集版本/ }).getByRole('row', { name: new RegExp(file) }).first()).toContainText('已生效，现行')
  await accessible(page)
  await pictured(page, 'admin-load')
  await pressAt(page, version.getByRole('link', { name: '总览的预警' }))
}

/** Takes the versions in force of a kind and a year out of force again. */
export async function retireOf(request: APIRequestContext, kind: string, year: number) {
  for (const d of await call<{ dataset_id: string; year: number }[]>(request, 'GET', `/datasets?kind=${kind}&current=true`)) {
    if (d.year === year) await call(request, 'POST', `/datasets/${d.dataset_id}/retire`, { reason: '合成：试完停用' })
  }
}
