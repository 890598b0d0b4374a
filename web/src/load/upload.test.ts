import { expect, test } from 'vitest'
import { sameAs, type Unfinished } from './upload'
import { sizeText } from '../words'

const of = (name: string, size: number, sha256: string): Unfinished => ({ upload_id: name, file_name: name, size, offset: 1, sha256, expires_at: '' })

test('a file goes on by its content where that is known, else by name, and never with another length', () => {
  const list = [of('a.zip', 10, 'aa'), of('b.zip', 10, 'bb'), of('c.zip', 11, '')]
  expect(sameAs({ name: 'renamed.zip', size: 10 }, 'bb', list)?.file_name).toBe('b.zip')
  expect(sameAs({ name: 'a.zip', size: 10 }, 'cc', list)).toBeUndefined()
  expect(sameAs({ name: 'a.zip', size: 10 }, '', list)?.file_name).toBe('a.zip')
  expect(sameAs({ name: 'c.zip', size: 11 }, 'cc', list)?.file_name).toBe('c.zip')
  expect(sameAs({ name: 'c.zip', size: 12 }, '', list)).toBeUndefined()
})

test('sizes are said as people read them', () => {
  expect(sizeText(999)).toBe('999 B')
  expect(sizeText(1536)).toBe('1.5 KB')
  expect(sizeText(200 << 20)).toBe('200.0 MB')
})
