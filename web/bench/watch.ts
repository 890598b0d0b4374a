/** What a browser sees of itself: the gaps between its frames, its long tasks, its memory, what came over the wire. */
import { chromium, type Browser, type Page, type Request } from '@playwright/test'

declare global {
  interface Window {
    paced: { from: number; last: number; longest: number; count: number }
    tasks: number[]
    moment: Record<string, number>
  }
}

/** Kept in every page from its first moment. Times are those of the page: ms since it was asked for. */
function recorder() {
  window.paced = { from: 0, last: 0, longest: 0, count: 0 }
  window.tasks = []
  window.moment = {}
  const frame = (now: number) => {
    const f = window.paced
    if (f.last) f.longest = Math.max(f.longest, now - f.last)
    f.last = now
    f.count++
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((e) => Math.round(e.duration)))).observe({ type: 'longtask', buffered: true })
}

export interface Answered {
  path: string
  ms: number
  status: number
}

/** A browser with nothing kept, and its page. */
export class Visit {
  readonly answers: Answered[] = []
  /** Bytes of bodies and heads as they came, compressed. */
  bytes = 0
  scripts = 0
  private open = 0
  private constructor(readonly browser: Browser, readonly page: Page) {}

  static async begin(url: string): Promise<Visit> {
    const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--enable-precise-memory-info', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])] })
    const context = await browser.newContext({ baseURL: url, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', viewport: { width: 1366, height: 768 }, bypassCSP: true })
    const page = await context.newPage()
    await page.addInitScript(recorder)
    const v = new Visit(browser, page)
    page.on('request', () => v.open++)
    page.on('requestfailed', () => v.open--)
    page.on('requestfinished', (r) => void v.finished(r))
    return v
  }

  private async finished(r: Request) {
    const [answer, sizes] = [await r.response(), await r.sizes()]
    const size = sizes.responseBodySize + sizes.responseHeadersSize
    this.bytes += size
    if (/\.(js|mjs|css|html)$|\/$/.test(new URL(r.url()).pathname)) this.scripts += size
    const { pathname, search } = new URL(r.url())
    this.answers.push({ path: pathname + search, ms: r.timing().responseEnd, status: answer?.status() ?? 0 })
    this.open--
  }

  /** Waits until the page has what is said and shows it; answers with the page's own time, or that it never came. */
  shown(name: string, is: string, within = 60_000): Promise<number> {
    return this.page
      .waitForFunction(([name, is]) => {
        if (window.moment[name!] === undefined && new Function(`return (${is})`)()) requestAnimationFrame(() => (window.moment[name!] ??= performance.now()))
        return window.moment[name!]
      }, [name, is], { polling: 'raf', timeout: within })
      .then((h) => h.jsonValue() as Promise<number>, () => Infinity)
  }

  /** Does something and tells what the frames were like until it was over. */
  async during(act: () => Promise<unknown>): Promise<{ ms: number; longestGap: number; tasks: number[]; fps: number }> {
    await this.page.evaluate(() => {
      window.tasks = []
      window.paced = { from: performance.now(), last: 0, longest: 0, count: 0 }
    })
    await act()
    return this.page.evaluate(() => {
      const ms = performance.now() - window.paced.from
      return { ms, longestGap: Math.max(window.paced.longest, performance.now() - window.paced.last), tasks: window.tasks, fps: (window.paced.count / ms) * 1000 }
    })
  }

  tasks = () => this.page.evaluate(() => window.tasks)
  heap = () => this.page.evaluate(() => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 1048576)
  /** Waits until nothing is asked for any more, so that all that came is counted. */
  async settled() {
    await this.page.waitForLoadState('networkidle')
    for (let i = 0; i < 50 && this.open > 0; i++) await this.page.waitForTimeout(100)
  }
  slowest = (n = 3) => [...this.answers].sort((a, b) => b.ms - a.ms).slice(0, n)
  faults = () => this.answers.filter((a) => a.status >= 500).length
  end = () => this.browser.close()
}
