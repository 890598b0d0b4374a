import { pressAt, sound, typeAt } from './keys'
import { call, county, enter, hire } from './people'
import { accessible, expect, pictured, test } from './watched'

test('a service that is away is said, and asked again', async ({ page, watched }) => {
  watched.allowed.push(/ERR_CONNECTION_REFUSED|Failed to load resource/)
  await page.route('**/api/v1/**', (route) => route.abort('connectionrefused'))
  await page.goto('/#/?year=2025')
  await expect(page.getByRole('alert')).toContainText('连接不上服务')
  await accessible(page)
  await pictured(page, 'away')
  await page.unroute('**/api/v1/**')
  await page.getByRole('button', { name: '重试' }).click()
  await expect(page.getByRole('heading', { level: 1, name: /总览/ })).toBeVisible()
})

test('a login that has ended is asked for in place, and what was typed stays', async ({ page, watched }) => {
  watched.allowed.push(/401/)
  await page.goto('/#/overlaps?county=149901&year=2025')
  await expect(page.getByText(/已读 100 条/)).toBeVisible()
  await page.getByLabel('申报编号').fill('ZJ1499011000041')
  await page.route('**/findings?**', (route) =>
    route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: '未登录 · Not logged in', status: 401 }) }))
  await page.getByLabel('申报编号').press('Enter')
  await expect(page.getByRole('heading', { name: /请登录/ })).toBeVisible()
  await accessible(page)
  await pictured(page, 'login')
  await page.unroute('**/findings?**')
  // A key that is not accepted is asked for again. Nothing of the page is lost by that.
  await page.getByLabel(/接口密钥/).fill('gh_synthetic')
  await page.getByRole('button', { name: '登录 · Log in' }).click()
  await expect(page.getByRole('alert')).toContainText('密钥未被接受')
  await expect(page.getByRole('heading', { name: /请登录/ })).toBeVisible()
  // The service of the test is open and takes no key: here it stands for one that does.
  let sent = ''
  await page.route(/\/(api|ogc)\//, (route) => {
    sent = route.request().headers()['authorization'] ?? ''
    return route.continue({ headers: { ...route.request().headers(), authorization: '' } })
  })
  await page.getByLabel(/接口密钥/).fill('gh_accepted')
  await page.getByRole('button', { name: '登录 · Log in' }).click()
  await expect.poll(() => sent).toBe('Bearer gh_accepted')
  await expect(page.getByLabel('申报编号')).toHaveValue('ZJ1499011000041')
  // Who leaves takes the key along.
  await page.getByRole('button', { name: /退出/ }).click()
  await expect.poll(() => sent).toBe('')
})

test('a problem of the service is shown in its own words', async ({ page, watched }) => {
  watched.allowed.push(/503/)
  await page.route('**/ledger/reconciliation', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: '服务繁忙 · Busy', status: 503, detail: '请稍后重试。' }) }))
  await page.goto('/#/?year=2025')
  await expect(page.getByRole('alert')).toContainText('服务繁忙')
  await expect(page.getByText('必需的图层齐全')).toBeVisible() // the rest of the page is there
})

test('a slow network shows that it is loading', async ({ page }) => {
  await page.route('**/ledger/reconciliation', async (route) => {
    await new Promise((r) => setTimeout(r, 1500))
    await route.continue()
  })
  await page.goto('/#/?year=2025')
  await expect(page.getByText('正在读取台账…')).toBeVisible()
  await expect(page.getByText(/全县认定转进不少于认定转出/)).toBeVisible()
})

test('every page says that it is loading, then that the service is away, and is whole once it is asked again', async ({ page, watched }) => {
  test.slow() // seven pages, and a map drawn by software
  watched.allowed.push(/ERR_CONNECTION_REFUSED|Failed to load resource|Failed to fetch/)
  let away = true
  await page.route(/\/(api|ogc)\//, async (route) => {
    // Who is here and of which county is known: the page itself has to say the rest.
    if (!away || /\/(me|counties|screenings)$/.test(new URL(route.request().url()).pathname)) return route.fallback()
    await new Promise((r) => setTimeout(r, 400))
    return route.abort('connectionrefused')
  })
  for (const at of ['overlaps', 'declarations?tab=candidates', 'plans', 'ledger', 'acceptance', 'admin?tab=audit', 'map']) {
    away = true
    await page.goto('about:blank')
    await page.goto(`/#/${at}${at.includes('?') ? '&' : '?'}county=${county}&year=2025`)
    await expect(page.getByText(/正在读取/).or(page.locator('main [aria-busy=true]')).first(), at).toBeVisible()
    await expect(page.getByRole('alert').filter({ hasText: '连接不上服务' }).first(), at).toContainText('请检查网络')
    away = false
    const again = page.getByRole('alert').getByRole('button', { name: /重试/ })
    await expect(async () => {
      if ((await again.count()) > 0) await again.first().click()
      await expect(page.getByRole('alert').filter({ hasText: '连接不上服务' })).toHaveCount(0, { timeout: 1500 })
    }, at).toPass({ timeout: 20_000 })
  }
})

test('a key that is revoked while a form is filled in: the login is asked for in place, and the form and the focus come back', async ({ page, request, watched }) => {
  watched.allowed.push(/401/)
  const person = await hire(request, '合成吊销', 'bureau')
  await enter(page, person, `/#/plans?county=${county}&year=2025`)
  await page.getByRole('button', { name: /新建情景/ }).click()
  const name = page.getByLabel('名称 Name')
  await typeAt(page, name, '合成：写到一半')
  const [key] = await call<{ key_id: string }[]>(request, 'GET', `/identities/${person.id}/keys`)
  await call(request, 'POST', `/keys/${key!.key_id}/revoke`, { reason: '合成：遗失' })
  await pressAt(page, page.getByRole('button', { name: /编制方案/ }))
  await expect(page.getByRole('heading', { name: /请登录/ })).toBeVisible()
  await expect(page.getByText('页面上填写的内容仍在')).toBeVisible()
  await sound(page)
  const { secret } = await call<{ secret: string }>(request, 'POST', `/identities/${person.id}/keys`, { name: '合成二', days: 1 })
  await typeAt(page, page.getByLabel(/接口密钥/), secret)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: /平衡方案/ })).toBeVisible()
  await expect(name).toHaveValue('合成：写到一半')
  await sound(page)
})

test('a plan that could not be made says why and what to do', async ({ page }) => {
  await page.route(/\/plans$/, async (route) => {
    const list = (await (await route.fetch()).json()) as { year: number }[] // others may have left plans of other years
    return route.fulfill({ json: [{ ...list.find((p) => p.year === 2025), status: 'failed', problem: { type: 'about:blank', title: '编制失败（合成） · Failed', status: 500, detail: '求解时中断。', hint: '请再编制一次。' } }] })
  })
  await page.goto(`/#/plans?county=${county}&year=2025`)
  await expect(page.getByText('编制失败（合成）')).toBeVisible()
  await expect(page.getByText('求解时中断。 请再编制一次。')).toBeVisible()
  await expect(page.getByText(/可“复制”本情景，改参数后重新编制/)).toBeVisible()
})

test('an address of a year without data says so', async ({ page, watched }) => {
  watched.allowed.push(/404|409/)
  await page.goto('/#/?county=149901&year=2031')
  await expect(page.getByText('本年度还没有台账')).toBeVisible()
  await expect(page.getByText('不知有无冲突')).toBeVisible()
  await expect(page.getByText('没有新的冲突')).toHaveCount(0)
  await page.goto('/#/overlaps?county=149901&year=2031')
  await expect(page.getByText('2031 年度没有完成的筛查')).toBeVisible()
  await pictured(page, 'empty')
  // So does every other page: what is not there yet, and where it begins.
  for (const [at, says] of [
    ['ledger?', '本年度还没有台账：方案批准后即开账'], ['plans?', '2031 年度没有完成的筛查，不能编制方案'], ['acceptance?', '没有“待核查（初验、验收、整改）”的地块'],
    ['declarations?tab=upload&', '2031 年度还没有装载过这一方向的申报'], ['declarations?tab=candidates&', '2031 年度还没有申报的地块'], ['declarations?tab=queue&', '以当前角色没有待办的地块'],
  ] as const) {
    await page.goto(`/#/${at}county=149901&year=2031`)
    await expect(page.getByText(says).first()).toBeVisible()
    await expect(page.locator('[aria-busy=true]:visible')).toHaveCount(0)
  }
  await page.getByRole('link', { name: /^平衡方案/ }).click()
  await page.getByRole('link', { name: '上传申报' }).click()
  await expect(page.getByRole('heading', { name: /上传申报/ })).toBeVisible()
  // A county that has nothing at all, to whoever looks after it.
  await page.route(/\/(datasets|jobs)(\?|$)/, (route) => route.fulfill({ json: [] }))
  await page.route(/collections\/townships\/items/, (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: JSON.stringify({ title: '未找到（合成）', status: 404 }) }))
  await page.goto('about:blank')
  await page.goto('/#/declarations?county=149901&year=2031')
  await expect(page.getByText('行政区（XZQ）还没有装载')).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
  await page.goto('/#/admin?county=149901&year=2031&tab=data')
  await expect(page.getByText('没有现行的版本：还没有装载')).toBeVisible()
  await page.goto('/#/admin?county=149901&year=2031&tab=jobs')
  await expect(page.getByText('还没有任务：')).toBeVisible()
})

test('a page whose script cannot be fetched is said, and opened once it can', async ({ page, watched }) => {
  watched.allowed.push(/ERR_CONNECTION_REFUSED|Failed to load resource|dynamically imported module/)
  await page.goto(`/#/?county=${county}&year=2025`)
  await expect(page.getByRole('heading', { level: 1, name: /总览/ })).toBeVisible()
  await page.route('**/assets/LedgerPage-*.js', (route) => route.abort('connectionrefused'))
  await page.getByRole('link', { name: /^台账/ }).click()
  await expect(page.getByRole('alert')).toContainText('打不开“台账”')
  await page.unroute('**/assets/LedgerPage-*.js')
  await page.getByRole('button', { name: '重试' }).click()
  await expect(page.getByRole('heading', { level: 1, name: /台账/ })).toBeVisible()
  await expect(page.getByRole('alert')).toHaveCount(0)
})

test('a county that is not there leads to one that is, and nothing is asked of it', async ({ page }) => {
  const asked: string[] = []
  page.on('request', (r) => asked.push(r.url()))
  await page.goto('/#/ledger?county=140000&year=2025')
  await expect(page.getByText('没有代码为 140000 的县')).toBeVisible()
  expect(asked.filter((u) => u.includes('/140000'))).toEqual([])
  await page.getByRole('link', { name: /示例县（合成）（149901）/ }).click()
  await expect(page.getByRole('heading', { level: 1, name: /台账/ })).toBeVisible()
})

test('a page whose script comes late is still the one that was asked for', async ({ page }) => {
  await page.route('**/assets/LedgerPage-*.js', async (route) => {
    await new Promise((r) => setTimeout(r, 2000))
    await route.continue()
  })
  await page.goto('/#/ledger?year=2025&unit=ha')
  await expect(page.getByRole('heading', { level: 1, name: /台账/ })).toBeVisible()
  await expect(page).toHaveURL(/#\/ledger\?.*county=149901/)
  await expect(page).toHaveURL(/unit=ha/)
})

test('figures of one year never stand under another', async ({ page, watched }) => {
  watched.allowed.push(/404|409|503/)
  await page.goto('/#/ledger?county=149901&year=2025')
  await expect(page.getByRole('button', { name: '合成一镇' })).toBeVisible()
  await page.route('**/years/2026/ledger/reconciliation', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: '服务繁忙 · Busy', status: 503, detail: '请稍后重试。' }) }))
  await page.evaluate(() => (location.hash = '#/ledger?county=149901&year=2026'))
  await expect(page.getByRole('heading', { level: 1, name: /2026/ })).toBeVisible()
  await expect(page.getByRole('alert')).toContainText('服务繁忙')
  await expect(page.getByRole('table')).toHaveCount(0)
})

test('findings of one filter never stand under another', async ({ page, watched }) => {
  watched.allowed.push(/503/)
  await page.goto('/#/overlaps?county=149901&year=2025')
  await expect(page.getByText(/已读 100 条/)).toBeVisible()
  await page.route('**/findings?**', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: '服务繁忙 · Busy', status: 503 }) }))
  await page.getByRole('combobox', { name: /方向/ }).selectOption('out')
  await expect(page.getByRole('alert')).toContainText('服务繁忙')
  await expect(page.getByRole('list', { name: /发现/ }).getByRole('listitem')).toHaveCount(0)
  await page.unroute('**/findings?**')
  await page.getByRole('button', { name: '重试' }).click()
  await expect(page.getByRole('list', { name: /发现/ }).getByRole('listitem').first()).toContainText('转出')
})

test('a person of several roles is asked as one of them from the first, without one refused question, and the figures follow the role', async ({ page, request, watched }) => {
  const person = await hire(request, '合成多角色', 'bureau_lead', 'township_clerk/149901100')
  watched.allowed.push(/401/)
  const refused: string[] = []
  page.on('response', (r) => {
    if (r.status() >= 400 && r.request().headers()['authorization']) refused.push(`${r.status()} ${r.url()}`)
  })
  await page.route(/\/api\/v1\/me$/, async (route) => {
    await new Promise((r) => setTimeout(r, 500))
    await route.fallback()
  })
  const asked: (string | undefined)[] = []
  await page.route('**/reconciliation', async (route) => {
    asked.push(route.request().headers()['gengheng-role'])
    await route.continue()
  })
  await enter(page, person, `/#/?county=${county}&year=2025`)
  await expect(page.getByRole('button', { name: /^合成五乡：结余/ })).toBeVisible()
  const first = await page.getByLabel('角色').inputValue()
  expect(new Set(asked)).toEqual(new Set([first]))
  await page.getByLabel('角色').selectOption('township_clerk/149901100')
  await expect(page.getByRole('button', { name: /^合成一镇：结余/ })).toBeVisible()
  await expect(page.getByRole('button', { name: /^合成五乡：结余/ })).toHaveCount(0)
  expect(asked.at(-1)).toBe('township_clerk/149901100')
  // So do the books and the overlaps.
  await page.getByRole('link', { name: /^台账/ }).click()
  await expect(page.getByRole('button', { name: '合成一镇' })).toBeVisible()
  await expect(page.getByRole('button', { name: /^合成[二三四五六]/ })).toHaveCount(0)
  await page.getByRole('link', { name: /^占用查询/ }).click()
  const findings = page.getByRole('list', { name: /发现/ }).getByRole('listitem')
  await expect(findings.first()).toContainText('合成一镇')
  await expect(findings.filter({ hasNotText: '合成一镇' })).toHaveCount(0)
  // The role that was chosen is kept over a reload, the key is not.
  await page.reload()
  await page.getByLabel('角色').waitFor({ state: 'hidden' })
  expect(refused).toEqual([])
})
