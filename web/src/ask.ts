/** Asking the service from a page: loading, the answer, or what went wrong. */
import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'
import { faultOf, key, type Fault } from './api/client'

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
 * answer, and one that comes too late is dropped. A new login asks the same question
 * again and clears nothing.
 */
export function ask<T>(sources: WatchSource[], call: (signal: AbortSignal) => Promise<T>): Asked<T> {
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
  watch(key, () => void again())
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
