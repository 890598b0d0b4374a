/** Sending what a person filled in: under way, done, or refused in the service's words. */
import { ref, shallowRef } from 'vue'
import { faultOf, type Fault } from './api/client'

/**
 * useSend keeps the state of one form. send calls the service and says done when it has
 * answered; where it is refused or cannot be reached the fault is kept, and the caller
 * leaves what was filled in as it is. A second press while one is under way does nothing.
 */
export function useSend() {
  const busy = ref(false)
  const fault = shallowRef<Fault>()
  const said = ref('')
  async function send<T>(call: () => Promise<T>, done: (answer: T) => string): Promise<T | undefined> {
    if (busy.value) return undefined
    busy.value = true
    fault.value = undefined
    said.value = ''
    try {
      const answer = await call()
      said.value = done(answer)
      return answer
    } catch (err) {
      fault.value = faultOf(err)
      return undefined
    } finally {
      busy.value = false
    }
  }
  return { busy, fault, said, send }
}

export type Sending = ReturnType<typeof useSend>
