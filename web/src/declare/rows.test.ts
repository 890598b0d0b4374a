import { expect, test } from 'vitest'
import { common, parcelOf, type Row } from './rows'

const row = (...allowed: string[]) => ({ allowed }) as unknown as Row

test('what is done to several is what each of them allows', () => {
  expect(common([row('return', 'check'), row('check')])).toEqual(['check'])
  expect(common([row('submit'), row('check')])).toEqual([])
  expect(common([])).toEqual([])
})

test('a parcel of the address may have a slash in its number', () => {
  expect(parcelOf('in/Z/1')).toEqual({ direction: 'in', number: 'Z/1' })
  expect(parcelOf('')).toBeUndefined()
  expect(parcelOf('up/1')).toBeUndefined()
  expect(parcelOf('out/')).toBeUndefined()
})
