/** A page that is watched: no word in its console, no other host, no serious fault of access. */
import AxeBuilder from '@axe-core/playwright'
import { expect, test as base, type Page } from '@playwright/test'

export const test = base.extend<{ watched: { allowed: RegExp[] } }>({
  watched: [
    async ({ page, baseURL }, use) => {
      const seen = { allowed: [] as RegExp[] }
      const words: string[] = []
      const elsewhere: string[] = []
      page.on('console', (m) => {
        // Reading a picture back from a software renderer is slow, and its driver says so.
        if ((m.type() === 'error' || m.type() === 'warning') && !/GL Driver Message .*ReadPixels/.test(m.text())) words.push(m.text())
      })
      page.on('pageerror', (e) => words.push(e.message))
      page.on('request', (r) => {
        if (!r.url().startsWith(baseURL!) && !/^(data|blob):/.test(r.url())) elsewhere.push(r.url())
      })
      await use(seen)
      expect(words.filter((w) => !seen.allowed.some((a) => a.test(w))), 'console').toEqual([])
      expect(elsewhere, 'requests to other hosts').toEqual([])
    },
    { auto: true },
  ],
})

/** accessible looks for faults that axe calls serious or critical. */
export async function accessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
  expect(bad.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([])
}

/** pictured keeps a picture for docs/ where GENGHENG_PICTURES names a folder; style is CSS for the picture alone. */
export async function pictured(page: Page, name: string, style = '') {
  const folder = process.env['GENGHENG_PICTURES']
  if (folder) await page.screenshot({ path: `${folder}/dashboard-${name}.png`, fullPage: true, style })
}

export { expect }
