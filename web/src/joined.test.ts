import { expect, test } from 'vitest'
import { key } from './api/client'
import { joined } from './joined'

test('what is on its way is not asked for again, by the same person', async () => {
  let asked = 0
  const call = () => new Promise<number>((resolve) => setTimeout(() => resolve(++asked)))
  expect(await Promise.all([joined('a', call), joined('a', call), joined('b', call)])).toEqual([1, 1, 2])
  expect(await joined('a', call)).toBe(3)
  const first = joined('a', call)
  key.value = 'another'
  expect(await Promise.all([first, joined('a', call)])).toEqual([4, 5])
  key.value = ''
})

test('a failure is everybody’s, and kept for nobody', async () => {
  const fails = () => Promise.reject(new Error('away'))
  const both = await Promise.allSettled([joined('x', fails), joined('x', fails)])
  expect(both.map((b) => b.status)).toEqual(['rejected', 'rejected'])
  expect(await joined('x', () => Promise.resolve(1))).toBe(1)
})
