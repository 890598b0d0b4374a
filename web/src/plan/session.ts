/**
 * 互动编制。An interactive session of the service as the page keeps it: every change of an
 * option or a lock is sent at once, one request at a time; what is changed while one is
 * under way goes with the next. A session that has ended (30 minutes without a request, a
 * restart) is opened again with the options as they stand, so that nothing is lost.
 */
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { answer, api, faultOf, key as login, role, type Fault, type Schemas } from '../api/client'
import { keyOf } from './plans'

export type Session = Schemas['PlanSession']
export type SessionParcel = Schemas['PlanSessionParcel']
export type SessionOptions = Schemas['PlanSessionOptions']
export type Lock = 'chosen' | 'not_chosen' | 'free'

type Patch = Partial<Omit<SessionOptions, 'weights' | 'enforce' | 'balance'>> & { weights?: Record<string, number>; enforce?: Partial<SessionOptions['enforce']> }
interface Pending {
  options?: Patch
  locks?: Map<string, Lock>
  /** How long to search; a slider waits no longer than a moment. */
  limit?: number
}

/** Two changes as one; the later wins. */
export function merged(a: Pending, b: Pending): Pending {
  const out: Pending = {}
  if (a.options ?? b.options) {
    out.options = { ...a.options, ...b.options }
    if (a.options?.weights ?? b.options?.weights) out.options.weights = { ...a.options?.weights, ...b.options?.weights }
    if (a.options?.enforce ?? b.options?.enforce) out.options.enforce = { ...a.options?.enforce, ...b.options?.enforce }
  }
  // whole lists of decisions overrule what was locked before them
  const earlier = b.options?.chosen || b.options?.not_chosen ? [] : [...(a.locks ?? [])]
  if (earlier.length || b.locks) out.locks = new Map([...earlier, ...(b.locks ?? [])])
  const limit = Math.max(a.limit ?? 0, b.limit ?? 0)
  if (limit) out.limit = limit
  return out
}

/** Options as a session may be given them: without what only the rulebook says, and without the patch rule, which takes too long to be answered at once. */
export function given(o: SessionOptions): Patch {
  const { balance: _, ...rest } = o
  return { ...rest, patch_rule: false, chosen: o.chosen ?? [], not_chosen: o.not_chosen ?? [], quotas: o.quotas ?? [] }
}

/** The options with a change laid over them, as they will be when it is made. */
export function applied(o: SessionOptions, p: Pending): SessionOptions {
  const chosen = new Set(p.options?.chosen ?? o.chosen)
  const not = new Set(p.options?.not_chosen ?? o.not_chosen)
  for (const [k, lock] of p.locks ?? []) {
    chosen.delete(k)
    not.delete(k)
    if (lock === 'chosen') chosen.add(k)
    if (lock === 'not_chosen') not.add(k)
  }
  return { ...o, ...p.options, weights: { ...o.weights, ...p.options?.weights }, enforce: { ...o.enforce, ...p.options?.enforce }, chosen: [...chosen], not_chosen: [...not] }
}

function locksOf(locks: Map<string, Lock> | undefined) {
  const of = (lock: Lock) => [...(locks ?? [])].filter(([, l]) => l === lock).map(([k]) => k)
  return locks ? { locks: { chosen: of('chosen'), not_chosen: of('not_chosen'), free: of('free') } } : {}
}

/** What a plan was being changed to, for who comes back to it: by county, role and plan. */
const left = new Map<string, SessionOptions>()

/** A session on a plan; ruled says that the plan was made with the patch rule, which the session has to leave. */
export function usePlanSession(county: string, plan: string, ruled: boolean) {
  const place = `${county} ${role.value} ${plan}`
  const at = { county }
  const now = shallowRef<Session>()
  const parcels = shallowRef<ReadonlyMap<string, SessionParcel>>(new Map())
  const pending = shallowRef<Pending>()
  const sent = shallowRef<Pending>()
  const busy = ref(false)
  const fault = shallowRef<Fault>()
  const word = ref('')
  const undo = shallowRef<SessionOptions[]>([])
  let gone = false
  let aborts = new AbortController()

  /** The options as the person wants them: those in force, with what is on its way. */
  const wanted = computed(() => {
    const o = now.value?.options
    return o && applied(applied(o, sent.value ?? {}), pending.value ?? {})
  })

  function take(s: Session) {
    now.value = s
    const all = new Map(s.parcels_complete ? [] : parcels.value)
    for (const p of s.parcels) all.set(keyOf(p), p)
    parcels.value = s.parcels_complete ? new Map([...all].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) : all
    left.set(place, s.options)
  }

  async function open(options: SessionOptions | undefined) {
    const own: Patch | undefined = options ? given(options) : ruled ? { patch_rule: false } : undefined
    take(await answer(api.POST('/counties/{county}/plan-sessions', {
      params: { path: at }, body: { plan_id: plan, limit_ms: 5000, ...(own ? { options: own as Schemas['PlanOptions'] } : {}) }, signal: aborts.signal,
    })))
  }

  /** Sends what is pending until nothing is. On an error it stays pending, to be tried again. */
  async function run() {
    if (busy.value || gone) return
    busy.value = true
    fault.value = undefined
    try {
      if (!now.value) await open(left.get(place))
      while (pending.value && now.value) {
        const mine = (sent.value = pending.value)
        pending.value = undefined
        const before = now.value.options
        try {
          take(await answer(api.PATCH('/counties/{county}/plan-sessions/{session_id}', {
            params: { path: { ...at, session_id: now.value.session_id } },
            body: { limit_ms: mine.limit ?? 400, ...(mine.options ? { options: mine.options as Schemas['PlanOptions'] } : {}), ...locksOf(mine.locks) },
            signal: aborts.signal,
          })))
        } catch (err) {
          const f = faultOf(err)
          if (f.status !== 404) {
            // what cannot be done is taken back; what only did not get through waits
            if (f.status === 0 || f.status === 401 || f.status >= 500 || f.status === 429 || f.status === 409) pending.value = merged(mine, pending.value ?? {})
            sent.value = undefined
            throw f
          }
          await open(applied(before, mine))
          word.value = '会话已结束过，已用同样的参数重新打开。 · The session had ended and was opened again with the same options.'
        }
        sent.value = undefined
        undo.value = [...undo.value.slice(-49), before]
      }
    } catch (err) {
      if (!gone) fault.value = faultOf(err)
    } finally {
      busy.value = false
    }
  }

  function change(c: Pending) {
    word.value = ''
    leave()
    pending.value = merged(pending.value ?? {}, c)
    void run()
  }

  // A slider gets its answer in a moment. When it has rested for a second the service
  // searches on, to prove more of that answer or to better it, until the next change.
  const refining = ref(false)
  let rest: ReturnType<typeof setTimeout> | undefined
  let search: AbortController | undefined
  function leave() {
    clearTimeout(rest)
    search?.abort()
    search = undefined
    refining.value = false
  }
  watch(busy, (on) => {
    if (on || gone || fault.value || !now.value || now.value.status === 'optimal' || now.value.status === 'infeasible') return
    clearTimeout(rest)
    rest = setTimeout(() => void refine(now.value!), 1000)
  })
  async function refine(s: Session) {
    const mine = (search = new AbortController())
    refining.value = true
    try {
      const better = await answer(api.PATCH('/counties/{county}/plan-sessions/{session_id}', { params: { path: { ...at, session_id: s.session_id } }, body: { limit_ms: 4000 }, signal: mine.signal }))
      if (search === mine && now.value === s) take(better)
    } catch {
      // the answer that is shown stands; what is wrong the next change will find as well
    } finally {
      if (search === mine) refining.value = false
    }
  }

  /** Asks something of the session; one that has ended is opened again first. */
  async function asked<T>(call: (session: string) => Promise<T>): Promise<T> {
    if (!now.value) await run()
    if (!now.value) throw fault.value ?? new Error('no session')
    try {
      return await call(now.value.session_id)
    } catch (err) {
      if (faultOf(err).status !== 404) throw err
      await open(wanted.value)
      word.value = '会话已结束过，已用同样的参数重新打开。 · The session had ended and was opened again with the same options.'
      return call(now.value.session_id)
    }
  }

  function back() {
    const before = undo.value.at(-1)
    if (!before) return
    const rest = undo.value.slice(0, -1)
    change({ options: given(before) })
    // the step back is itself no step to go back to
    const stop = watch(busy, (on) => {
      if (on) return
      stop()
      if (!fault.value) undo.value = rest
    })
  }

  watch(login, () => fault.value && void run())
  onScopeDispose(() => {
    gone = true
    leave()
    aborts.abort()
    aborts = new AbortController()
    const s = now.value
    if (s) void api.DELETE('/counties/{county}/plan-sessions/{session_id}', { params: { path: { ...at, session_id: s.session_id } }, keepalive: true }).catch(() => undefined)
  })
  void run()

  return {
    now, parcels, wanted, busy, refining, fault, word, undo, back, asked,
    again: () => void run(),
    set: (options: Patch, limit?: number) => change({ options, ...(limit ? { limit } : {}) }),
    lock: (keys: string[], lock: Lock) => change({ locks: new Map(keys.map((k) => [k, lock])) }),
    /** What was changed is stored as a plan: who comes back to this one begins with it as it is. */
    forget: () => left.delete(place),
    search: () => change({ limit: 10_000 }),
  }
}

export type PlanSession = ReturnType<typeof usePlanSession>
