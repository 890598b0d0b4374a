/** Asking once for what several parts of a page need at the same time. */
import { key, role } from './api/client'

const asked = new Map<string, Promise<unknown>>()

/**
 * joined gives all that ask for the same, as the same person, while it is on its way one
 * answer. It is not kept: who asks later asks anew.
 */
export function joined<T>(what: string, call: () => Promise<T>): Promise<T> {
  const name = `${what} ${key.value} ${role.value}`
  const there = asked.get(name) as Promise<T> | undefined
  if (there) return there
  const answer = call().finally(() => asked.delete(name))
  asked.set(name, answer)
  return answer
}
