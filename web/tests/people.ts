/**
 * 人员。People with keys of their own, made through the API, for specs that act as
 * several of them. The demo's service is open: who shows no key is its admin, and who
 * shows one is held to the roles of that key.
 */
import { expect, type APIRequestContext, type Page } from '@playwright/test'

/** The synthetic county. */
export const county = '149901'

export interface Person {
  id: string
  name: string
  key: string
  /** Capacities as the header Gengheng-Role says them: "bureau", "township_clerk/149901100". */
  roles: string[]
}

/** Calls the API below /counties/{county} in a role, as a person or as whoever is open; body is JSON, or the bytes of a file. Any answer but 2xx fails. */
export async function call<T = unknown>(request: APIRequestContext, method: string, path: string, body?: unknown, as?: Person, role = as?.roles[0]): Promise<T> {
  const answer = await request.fetch(`/api/v1/counties/${county}${path}`, {
    method,
    ...(body === undefined ? {} : { data: body as object }),
    headers: {
      ...(as ? { Authorization: `Bearer ${as.key}` } : {}),
      ...(role ? { 'Gengheng-Role': role } : {}),
      ...(Buffer.isBuffer(body) ? { 'Content-Type': 'application/octet-stream' } : {}),
    },
  })
  const text = await answer.text()
  expect(answer.ok(), `${method} ${path}: ${answer.status()} ${text}`).toBe(true)
  return (text ? JSON.parse(text) : undefined) as T
}

/** Enters a person with these capacities and gives them a key for a day. */
export async function hire(request: APIRequestContext, name: string, ...roles: string[]): Promise<Person> {
  const held = roles.map((r) => ({ role: r.split('/')[0]!, ...(r.includes('/') ? { township: r.split('/')[1]! } : {}) }))
  const { identity_id: id } = await call<{ identity_id: string }>(request, 'POST', '/identities', { kind: 'program', name, roles: held })
  const { secret } = await call<{ secret: string }>(request, 'POST', `/identities/${id}/keys`, { name: '合成', days: 1 })
  return { id, name, key: secret, roles }
}

/**
 * Opens an address of the page and logs in with the person's key, as at a service that
 * is not open: the first question is answered with 401. The spec must allow that word
 * of the console: watched.allowed.push(/401/). A person of several roles begins in the
 * first of them by name, or in the one that is asked for.
 */
export async function enter(page: Page, person: Person, address: string, role?: string) {
  await page.route('**/api/v1/me', (route) =>
    route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: '需要登录', status: 401 }) }))
  // Another page first: the same address with another fragment would keep the person before.
  await page.goto('about:blank')
  await page.goto(address)
  await page.getByLabel(/接口密钥/).fill(person.key)
  await page.unroute('**/api/v1/me')
  await page.getByRole('button', { name: /登录 · Log in/ }).click()
  await expect(page.locator('header .who')).toHaveText(person.name)
  if (!role) return
  // The page is read anew in that role.
  const again = page.waitForResponse((r) => r.url().includes('/screenings') && r.request().headers()['gengheng-role'] === role)
  await page.getByLabel('角色').selectOption(role)
  await again
}
