import { expect, test } from 'vitest'
import { daysLeft, leftText, today, urgency } from './deadline'

test('the day is that of China, and in time until it ends there', () => {
  const evening = new Date('2027-09-30T15:59:59Z') // 23:59:59
  expect(today(evening)).toBe('2027-09-30')
  expect(daysLeft('2027-09-30', evening)).toBe(0)
  expect(leftText(0)).toBe('就是今天')
  const night = new Date('2027-09-30T16:00:00Z')
  expect(daysLeft('2027-09-30', night)).toBe(-1)
  expect(leftText(-1)).toBe('已过 1 天')
  expect(leftText(daysLeft('2027-10-12', night))).toBe('还有 11 天')
  expect([urgency(-1), urgency(0), urgency(14), urgency(15)]).toEqual([{ bad: true, warn: false }, { bad: false, warn: true }, { bad: false, warn: true }, { bad: false, warn: false }])
})
