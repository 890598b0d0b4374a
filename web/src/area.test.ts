import { expect, test } from 'vitest'
import { drawn, hundredths, plain, shown, signed, typedArea } from './area'

test.each([
  ['666.67', 'mu', '1.00'],
  ['666.66', 'mu', '1.00'],
  ['3.33', 'mu', '0.00'], // 0.004995 mu
  ['3.34', 'mu', '0.01'], // 0.00501 mu
  ['-3.34', 'mu', '−0.01'],
  ['10000.00', 'ha', '1.0000'],
  ['0.50', 'ha', '0.0001'], // half goes away from zero
  ['-0.50', 'ha', '−0.0001'],
  ['12345678.9', 'm2', '12,345,678.90'],
  ['7', 'm2', '7.00'],
  ['123456789012345.67', 'm2', '123,456,789,012,345.67'], // past what a double holds
] as const)('%s m² in %s is %s', (text, unit, want) => {
  expect(shown(hundredths(text), unit)).toBe(want)
})

test('an absent area is none, and what is not an area is refused', () => {
  expect(hundredths(undefined)).toBe(0n)
  expect(hundredths('')).toBe(0n)
  for (const bad of ['1.234', 'NaN', '1e3', '1,000', ' 1']) expect(() => hundredths(bad)).toThrow(RangeError)
})

test('sums are of the exact figures', () => {
  const parts = Array.from({ length: 3 }, () => hundredths('222.22'))
  expect(shown(parts.reduce((a, b) => a + b, 0n), 'mu')).toBe('1.00') // 666.66 m²; of rounded parts it would be 0.99
})

test('signs and files', () => {
  expect(signed(100n, 'm2')).toBe('+1.00')
  expect(signed(0n, 'm2')).toBe('0.00')
  expect(signed(-100n, 'm2')).toBe('−1.00')
  expect(plain(hundredths('-1234.5'), 'm2')).toBe('-1234.50')
  expect(drawn(hundredths('-666.67'), 'mu')).toBe(-1)
})

test.each([
  ['1', 'mu', 66667n],
  ['0.5', 'mu', 33333n],
  ['1,234.5', 'mu', 82300000n],
  ['0.0001', 'ha', 100n],
  ['12.345', 'm2', 1235n], // half goes up
  ['', 'mu', undefined],
  ['-1', 'mu', undefined],
  ['1e3', 'm2', undefined],
  ['亩', 'mu', undefined],
] as const)('%s typed in %s is %s hundredths of a square metre', (text, unit, want) => {
  expect(typedArea(text, unit)).toBe(want)
})
