/** Asking the service from a page: loading, the answer, or what went wrong. */
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef, type WatchSource } from 'vue'
import { admitted, faultOf, type Fault } from './api/client'

export interface Asked<T> {
  /** The newest answer to the question as it stands; it stays while that is asked again. */
  readonly value: ShallowRef<T | undefined>
  readonly fault: ShallowRef<Fault | undefined>
  readonly busy: ShallowRef<boolean>
  /** When the answer came. */
  readonly at: ShallowRef<Date | undefined>
  again(): void
}

/**
 * ask calls the service now and whenever a source changes. What was answered to
 * another question is never shown under this one: a change of a source clears the
 * answer, and one that comes too late is dropped. What changes in renewed, a new login,
 * asks the same question again and clears nothing.
 */
export function ask<T>(sources: WatchSource[], call: (signal: AbortSignal) => Promise<T>, renewed: WatchSource = admitted): Asked<T> {
  const value = shallowRef<T>()
  const fault = shallowRef<Fault>()
  const busy = shallowRef(false)
  const at = shallowRef<Date>()
  let running: AbortController | undefined
  async function again() {
    running?.abort()
    const mine = (running = new AbortController())
    busy.value = true
    try {
      const answer = await call(mine.signal)
      if (running !== mine) return
      value.value = answer
      fault.value = undefined
      at.value = new Date()
    } catch (err) {
      if (running !== mine) return
      fault.value = faultOf(err)
    } finally {
      if (running === mine) busy.value = false
    }
  }
  watch(renewed, () => void again())
  if (sources.length > 0) {
    watch(sources, () => {
      value.value = undefined
      fault.value = undefined
      at.value = undefined
      void again()
    })
  }
  void again()
  onScopeDispose(() => {
    running?.abort()
    running = undefined
  })
  return { value, fault, busy, at, again: () => void again() }
}

export interface AskedPages<T> {
  readonly items: ShallowRef<T[]>
  /** How many there are in all, where the service says so. */
  readonly total: Ref<number>
  /** Where the next page begins; undefined where there is none, or nothing was read yet. */
  readonly next: Ref<number | undefined>
  readonly fault: ShallowRef<Fault | undefined>
  readonly busy: Ref<boolean>
  /** When the newest page came. */
  readonly at: ShallowRef<Date | undefined>
  /** Reads the next page, which is the first one if none was read. */
  more(): void
}

/**
 * askPages reads a list page by page: the first page now, and anew whenever the
 * source changes, which clears what was listed. A page that comes too late is
 * dropped. A call may answer undefined where there is nothing to ask yet.
 */
export function askPages<T>(source: WatchSource, call: (after?: number) => Promise<{ items: T[]; total?: number; next?: number } | undefined>): AskedPages<T> {
  const items = shallowRef<T[]>([])
  const total = ref(0)
  const next = ref<number>()
  const fault = shallowRef<Fault>()
  const busy = ref(false)
  const at = shallowRef<Date>()
  let turn = 0
  async function more() {
    const mine = ++turn
    const after = next.value
    busy.value = true
    try {
      const page = await call(after)
      if (mine !== turn || !page) return
      items.value = after === undefined ? page.items : [...items.value, ...page.items]
      total.value = page.total ?? 0
      next.value = page.next
      fault.value = undefined
      at.value = new Date()
    } catch (err) {
      if (mine === turn) fault.value = faultOf(err)
    } finally {
      if (mine === turn) busy.value = false
    }
  }
  watch(source, () => {
    items.value = []
    total.value = 0
    next.value = undefined
    void more()
  }, { immediate: true })
  watch(admitted, () => {
    if (fault.value) void more()
  })
  onScopeDispose(() => turn++)
  return { items, total, next, fault, busy, at, more: () => void more() }
}
