/** The API (api/openapi.yaml), typed by the contract itself. */
import createClient, { type Middleware } from 'openapi-fetch'
import { shallowRef } from 'vue'
import type { components, paths } from './contract.gen'

export type Schemas = components['schemas']

/**
 * 接口密钥。The key that was typed in, if the browser has no session. It is kept in
 * this page's memory only: another page, a reload or a crash forgets it.
 */
export const key = shallowRef('')

/** 角色。The capacity to act in, where a person has several; "" leaves it to the service. */
export const role = shallowRef(remembered())

/** Counts the requests that were refused for want of a login. */
export const refused = shallowRef(0)

/** Counts the logins that followed a refusal: what stands on the page is then asked again. */
export const admitted = shallowRef(0)

/** actIn chooses the capacity; this tab keeps it over a reload. It is no secret, unlike a key. */
export function actIn(capacity: string) {
  role.value = capacity
  try {
    sessionStorage.setItem('gengheng-role', capacity)
  } catch {
    // A browser that stores nothing forgets the choice at a reload.
  }
}

function remembered(): string {
  try {
    return sessionStorage.getItem('gengheng-role') ?? ''
  } catch {
    return ''
  }
}

/** What tells the service who asks, and in which role. */
export function credentials(): Record<string, string> {
  return { ...(key.value ? { Authorization: `Bearer ${key.value}` } : {}), ...(role.value ? { 'Gengheng-Role': role.value } : {}) }
}

const door: Middleware = {
  onRequest({ request, schemaPath }) {
    for (const [name, value] of Object.entries(credentials())) {
      // Who one is does not hang on a role, and a key that is being tried stands for itself.
      if (schemaPath === '/me' && (name === 'Gengheng-Role' || request.headers.has(name))) continue
      request.headers.set(name, value)
    }
    return request
  },
  onResponse({ response }) {
    if (response.status === 401) refused.value++
    return response
  },
}

export const api = createClient<paths>({ baseUrl: '/api/v1' })
api.use(door)

/** What went wrong, said so that a person can do something about it. */
export class Fault extends Error {
  override name = 'Fault'
  constructor(
    readonly title: string,
    readonly detail: string,
    /** The HTTP status; 0 where no answer came. */
    readonly status = 0,
    /** What is wrong with each of several things, in words. */
    readonly errors: readonly string[] = [],
  ) {
    super(`${title}：${detail}`)
  }
}

/** faultOf says of anything thrown what happened and what to do. */
export function faultOf(err: unknown): Fault {
  if (err instanceof Fault) return err
  if (err instanceof DOMException && err.name === 'AbortError') return new Fault('已取消 · Cancelled', '')
  if (err instanceof TypeError) {
    return new Fault('连接不上服务 · The service cannot be reached', '请检查网络，或请管理员确认服务在运行；连通后点“重试”。 Check the network, then try again.')
  }
  return new Fault('页面出错 · Something went wrong', err instanceof Error ? err.message : String(err))
}

// Codes are for programs; what is said to people has a word of Chinese or a blank in it.
const words = (errors: readonly string[] | undefined) => (errors ?? []).filter((e) => /[\s\u4e00-\u9fff]/.test(e))

/** A problem (RFC 9457) as a fault. */
export function ofProblem(problem: unknown, response: { status: number }): Fault {
  const p = typeof problem === 'object' && problem !== null ? (problem as Partial<Schemas['Problem']>) : {}
  const detail = [p.detail, p.hint].filter(Boolean).join(' ')
  return new Fault(p.title ?? `服务答复 ${response.status}`, detail || '请稍后重试。 Try again later.', response.status, words(p.errors))
}

/** The answer's data, or the problem thrown as a Fault. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (error !== undefined || data === undefined) throw ofProblem(error, response)
  return data
}

/** For a call that answers with nothing but that it is done. */
export async function answerDone(call: Promise<{ error?: unknown; response: Response }>): Promise<void> {
  const { error, response } = await call
  if (!response.ok) throw ofProblem(error, response)
}

/** A file to send: its bytes are the body. */
export const asFile = (file: Blob) => ({ body: file as unknown as string, bodySerializer: (b: unknown) => b as string, headers: { 'Content-Type': 'application/octet-stream' } })

/** As answer; undefined where there is no such thing (404), or no book of the year yet (409). */
export async function answerIfAny<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T | undefined> {
  const { data, error, response } = await call
  if (response.status === 404 || response.status === 409) return undefined
  if (error !== undefined || data === undefined) throw ofProblem(error, response)
  return data
}

/** A document of the service that is not in the contract, such as a layer of /ogc. */
export async function fetchJSON<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await got(path, 'application/geo+json, application/json', signal)).json()) as T
}

/** Sends a document to such an address and gives its answer. */
export async function sendJSON<T>(path: string, body: unknown): Promise<T> {
  return (await (await got(path, 'application/json', undefined, { method: 'POST', body: JSON.stringify(body), type: 'application/json' })).json()) as T
}

/** A file of the service, such as a photo, to be shown here. */
export async function fetchBlob(path: string, signal?: AbortSignal): Promise<Blob> {
  return (await got(path, '*/*', signal)).blob()
}

async function got(path: string, accept: string, signal?: AbortSignal, sent?: { method: string; body: BodyInit; type: string }): Promise<Response> {
  const response = await fetch(path, {
    headers: { Accept: accept, ...credentials(), ...(sent ? { 'Content-Type': sent.type } : {}) }, ...(signal ? { signal } : {}), ...(sent ? { method: sent.method, body: sent.body } : {}),
  })
  if (response.status === 401) refused.value++
  if (!response.ok) throw ofProblem(await response.json().catch(() => undefined), response)
  return response
}

/** save hands a document of the service, or text of the page's own, to the person as a file. */
export async function save(name: string, from: { path: string } | { text: string; type: string }): Promise<void> {
  const blob = 'path' in from ? await (await got(from.path, '*/*')).blob() : new Blob([from.text], { type: from.type })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
