/**
 * 十万图斑县的工作台。The dashboard over a county of 100,000 parcels: first views with
 * nothing kept, panning and zooming, figures that follow the map, long tables, the other
 * pages. Prints its figures beside the targets; run by make bench-dashboard.
 */
import { expect, test } from '@playwright/test'
import { cpus, loadavg } from 'node:os'
import { writeFileSync } from 'node:fs'
import { Server, type Used } from './server'
import { Visit } from './watch'

const county = '149901'
const at = `county=${county}&year=2025`
const server = new Server()

interface Line {
  what: string
  figure: string
  target: string
  good?: boolean
}
const lines: Line[] = []
const ms = (v: number) => `${Math.round(v)} ms`
const kib = (v: number) => `${Math.round(v / 1024)} KiB`
const put = (what: string, figure: string, target = '', good?: boolean) => {
  lines.push({ what, figure, target, ...(good === undefined ? {} : { good }) })
  console.log(`${what}: ${figure}${target ? `（${target}）` : ''}${good === false ? ' ✘' : ''}`)
}
const spent = (from: Used | undefined, to: Used | undefined) => (from && to ? `服务 ${(to.service - from.service).toFixed(2)} s，数据库 ${(to.database - from.database).toFixed(2)} s` : '—')

test.describe.configure({ mode: 'serial' })
test.afterAll(async () => {
  await server.stop()
  const head = `机器 · machine: ${cpus().length} × ${cpus()[0]?.model ?? '?'}，负载 · load ${loadavg()[0]!.toFixed(1)}`
  const table = ['| 项 | 实测 | 目标 | |', '|---|---|---|---|', ...lines.map((l) => `| ${l.what} | ${l.figure} | ${l.target} | ${l.good === undefined ? '' : l.good ? '✔' : '✘'} |`)].join('\n')
  console.log(`\n${head}\n\n${table}\n`)
  if (process.env['GENGHENG_FIGURES']) writeFileSync(process.env['GENGHENG_FIGURES'], `${head}\n\n${table}\n`)
})

/** What of the page has to be there. */
const drawn = `document.querySelector('.box.ready')`
const figures = `document.querySelector('#tab-panel table tbody tr') && [...document.querySelectorAll('[role=status]')].some((e) => /共 [1-9]/.test(e.textContent))`

// All that the overview tells: the balance, the chart with its bars, the map with its townships, the clauses, and nothing that is still awaited.
const overview = `document.querySelector('main .matrix td a strong') && document.querySelector('main [role=img] svg path') && document.querySelector('main svg[role=group] g[role=button]') && document.querySelector('main .lower tbody a') && !document.querySelector('main [aria-busy=true]')`

// The map twice: after the county was loaded, when nothing of it is kept, and after any later start.
const firsts: { zh: string; path: string; is: string; never?: true }[] = [
  { zh: '总览', path: '/', is: overview },
  { zh: '一张图（从未打开过）', path: '/map', is: figures, never: true },
  { zh: '一张图', path: '/map', is: figures },
]
for (const first of firsts) {
  test(`first view ${first.zh}`, async () => {
    if (first.never) server.forget()
    await server.start()
    const v = await Visit.begin(server.url)
    const before = server.used()
    await v.page.goto(`/#${first.path}?${at}`, { waitUntil: 'commit' })
    const [t, map] = await Promise.all([v.shown('content', first.is), first.path === '/map' ? v.shown('drawn', drawn) : undefined])
    const used = spent(before, server.used())
    await v.settled()
    put(`${first.zh}，首次打开${first.path === '/map' ? '：统计与表' : ''}`, ms(t), '≤ 2000 ms', t <= 2000)
    if (map !== undefined) put(`${first.zh}，首次打开：瓦片全部画出`, ms(map), '≤ 2000 ms', map <= 2000)
    put(`${first.zh}，处理器时间`, used)
    put(`${first.zh}，程序（gzip）`, kib(v.scripts), '≤ 1024 KiB', v.scripts <= 1 << 20)
    put(`${first.zh}，全部传输`, `${kib(v.bytes)}，${v.answers.length} 次请求`)
    put(`${first.zh}，最长脚本任务`, ms(Math.max(0, ...(await v.tasks()))), '≤ 200 ms', Math.max(0, ...(await v.tasks())) <= 200)
    for (const a of v.slowest(4)) put(`${first.zh}，最慢的请求`, `${ms(a.ms)} ${a.path}`)
    expect(v.faults(), 'answers of 5xx').toBe(0)
    await v.end()
    await server.stop()
  })
}

test('pan, zoom and the figures that follow', async () => {
  await server.start()
  const v = await Visit.begin(server.url)
  await v.page.goto(`/#/map?${at}`)
  await v.shown('drawn', drawn)
  await v.shown('content', figures)
  await v.settled()
  const begun = v.answers.length
  const move = async (what: string, act: () => Promise<unknown>) => {
    const [before, from] = [server.used(), v.answers.length]
    const r = await v.during(async () => {
      await v.page.evaluate(() => (window.moment = {}))
      await act()
      await v.page.waitForFunction(() => !document.querySelector('.box.ready'), undefined, { timeout: 2000 }).catch(() => undefined)
      await v.shown('drawn', drawn)
    })
    await v.settled()
    const extent = v.answers.slice(from).filter((a) => a.path.includes('/extent'))
    const tiles = v.answers.slice(from).filter((a) => a.path.includes('.pbf'))
    put(`${what}：帧间最长`, ms(r.longestGap), '< 1000 ms', r.longestGap < 1000)
    put(`${what}：瓦片齐`, `${ms(r.ms)}，${tiles.length} 个瓦片，最慢 ${ms(Math.max(0, ...tiles.map((t) => t.ms)))}，最长任务 ${ms(Math.max(0, ...r.tasks))}`)
    put(`${what}：图面统计`, extent.map((e) => ms(e.ms)).join('、') || '—', '≤ 300 ms', extent.every((e) => e.ms <= 300))
    put(`${what}：处理器时间`, spent(before, server.used()))
  }
  const box = (await v.page.locator('.box canvas.maplibregl-canvas').boundingBox())!
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  // There and back, so that the view stays in the county.
  let way = 1
  const drag = async () => {
    way = -way
    await v.page.mouse.move(x, y)
    await v.page.mouse.down()
    await v.page.mouse.move(x + way * 270, y + way * 150, { steps: 8 })
    await v.page.mouse.up()
  }
  const wheel = async (by: number) => {
    await v.page.mouse.move(x, y)
    for (let i = 0; i < 4; i++) await v.page.mouse.wheel(0, by * 2)
  }
  for (const step of ['全县', '放大一', '放大二', '放大三', '放大四']) {
    if (step !== '全县') await move(`${step}，缩放`, () => wheel(-120))
    const zoom = /at=[^&]*?([\d.]+)(?=&|$)/.exec(decodeURIComponent(v.page.url()))?.[0] ?? ''
    await move(`${step}（${zoom}），平移`, drag)
  }
  await move('缩回', () => wheel(600))
  put('移图中的 5xx', String(v.answers.slice(begun).filter((a) => a.status >= 500).length), '0', v.faults() === 0)
  await v.end()
})

test('long tables', async () => {
  await server.start()
  const v = await Visit.begin(server.url)
  const scroll = async (what: string, name: RegExp) => {
    const grid = v.page.getByRole('grid', { name })
    await grid.scrollIntoViewIfNeeded()
    const rows = Number(await grid.getAttribute('aria-rowcount')) - 1
    await grid.hover()
    const r = await v.during(async () => {
      for (let i = 0; i < 30; i++) await v.page.mouse.wheel(0, i < 20 ? 300 : 120_000)
      await grid.press('End')
      await grid.press('Home')
    })
    put(`${what}（${rows} 行），滚动帧间最长`, ms(r.longestGap), '≤ 200 ms', r.longestGap <= 200)
    put(`${what}，滚动`, `${Math.round(r.fps)} 帧/s，最长任务 ${ms(Math.max(0, ...r.tasks))}，内存 ${Math.round(await v.heap())} MiB`)
  }
  // The table of the map with 100,000 rows, more than the service gives at once; they come
  // when the map is drawn, so that what is measured is theirs.
  let drawnFirst = () => {}
  const mapIsDrawn = new Promise<void>((resolve) => (drawnFirst = resolve))
  await v.page.route('**/extent?*', async (route) => {
    const answer = (await (await route.fetch()).json()) as { total: number; items: { number: string }[] }
    answer.items = Array.from({ length: 100_000 }, (_, i) => ({ ...answer.items[i % answer.items.length]!, number: `ZJ${1_000_000 + ((i * 7919) % 100_000)}` }))
    await mapIsDrawn
    await route.fulfill({ json: { ...answer, total: 100_000 } })
  })
  await v.page.goto(`/#/map?${at}`)
  await v.shown('drawn', drawn)
  const come = await v.during(async () => {
    drawnFirst()
    await v.shown('rows', `/共 100000 块/.test(document.body.textContent) && document.querySelector('[role=grid] tbody [aria-rowindex]')`)
    await v.page.waitForTimeout(500)
  })
  put('十万行的表，出现时最长任务', ms(Math.max(0, ...come.tasks)), '≤ 200 ms', Math.max(0, ...come.tasks) <= 200)
  await scroll('十万行的表', /图面内的申报地块/)
  for (const head of ['申报编号', '面积', '乡镇']) {
    const r = await v.during(() => v.page.getByRole('grid', { name: /图面内的申报地块/ }).getByRole('button', { name: new RegExp(`^${head}`) }).first().click().then(() => v.page.evaluate(() => new Promise(requestAnimationFrame))))
    put(`十万行的表，按${head}排序`, `${ms(r.longestGap)}，最长任务 ${ms(Math.max(0, ...r.tasks))}`, '≤ 1000 ms', r.longestGap <= 1000)
  }
  await v.end()

  const d = await Visit.begin(server.url)
  const before = server.used()
  await d.page.goto(`/#/declarations?${at}&tab=candidates`)
  const t = await d.shown('rows', `document.querySelector('[role=grid]') && !document.querySelector('[role=grid][aria-busy=true]') && document.querySelector('[role=grid] tbody [aria-rowindex]')`)
  await d.settled()
  put('候选与申报，首次打开', ms(t), '', t <= 4000)
  put('候选与申报', `${spent(before, server.used())}；${kib(d.bytes)}，${d.answers.length} 次请求；最长任务 ${ms(Math.max(0, ...(await d.tasks())))}`)
  for (const a of d.slowest(4)) put('候选与申报，最慢的请求', `${ms(a.ms)} ${a.path}`)
  const r = await d.during(async () => {
    await d.page.locator('[role=grid]').first().hover()
    for (let i = 0; i < 30; i++) await d.page.mouse.wheel(0, i < 20 ? 300 : 60_000)
  })
  put('候选与申报，滚动帧间最长', `${ms(r.longestGap)}（${await d.page.locator('[role=grid]').first().getAttribute('aria-rowcount')} 行）`, '≤ 200 ms', r.longestGap <= 200)
  await d.end()
})

const others = [
  { zh: '占用查询', path: '/overlaps', is: `document.querySelector('main ol li') && document.querySelector('main table tbody tr')` },
  { zh: '占用查询（按地块）', path: '/overlaps', more: '&by=candidate', is: `document.querySelector('main ol li') && document.querySelector('main table tbody tr')` },
  { zh: '平衡方案', path: '/plans', is: `document.querySelector('main table tbody tr') && !document.querySelector('main [aria-busy=true]')` },
  { zh: '台账', path: '/ledger', is: `document.querySelector('main table tbody tr') && !document.querySelector('main [aria-busy=true]')` },
  { zh: '验收', path: '/acceptance', is: `(document.querySelector('main [aria-rowindex="2"]') || document.querySelector('main table tbody tr')) && !document.querySelector('main [aria-busy=true]')` },
  { zh: '管理', path: '/admin', is: `document.querySelector('main table tbody tr') && !document.querySelector('main [aria-busy=true]')` },
]
for (const other of others) {
  test(`first view ${other.zh}`, async () => {
    await server.start()
    const v = await Visit.begin(server.url)
    const before = server.used()
    await v.page.goto(`/#${other.path}?${at}${other.more ?? ''}`, { waitUntil: 'commit' })
    const t = await v.shown('content', other.is)
    await v.settled()
    put(`${other.zh}，首次打开`, ms(t), '≤ 2000 ms', t <= 2000)
    put(other.zh, `${spent(before, server.used())}；${kib(v.bytes)}，${v.answers.length} 次请求；最长任务 ${ms(Math.max(0, ...(await v.tasks())))}`)
    for (const a of v.slowest(2)) put(`${other.zh}，最慢的请求`, `${ms(a.ms)} ${a.path}`)
    expect(v.faults(), 'answers of 5xx').toBe(0)
    await v.end()
  })
}
