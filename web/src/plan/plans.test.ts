import { describe, expect, it } from 'vitest'
import { atLeast, atMost, optionText, percent, qualityOf, stateOf } from './plans'

describe('qualityOf', () => {
  // net · (16 − 等别)/15 by hand: 100.00 · 4/15 = 26.666… → 26.67
  it('counts area by its grade, rounded half up', () => {
    expect(qualityOf({ direction: 'in', net_m2: '100.00', quality: '12.000' })).toBe(2667n)
    expect(qualityOf({ direction: 'in', net_m2: '0.01', quality: '8.500' })).toBe(1n) // 0.5 of a hundredth
  })
  it('is cautious where the grade is not known', () => {
    expect(qualityOf({ direction: 'in', net_m2: '15.00' })).toBe(100n)
    expect(qualityOf({ direction: 'out', net_m2: '15.00' })).toBe(1500n)
  })
})

describe('words', () => {
  it('tells a gap of nothing from no gap', () => {
    expect(percent(0.0000783)).toBe('0.0078%')
    expect(percent(undefined)).toBe('—')
  })
  it('never rounds a proved share up', () => {
    expect(atLeast(0.99996277, 2)).toBe('99.99%')
    expect(atLeast(1)).toBe('100.0000%')
    expect(atLeast(null)).toBe('—')
    expect(atMost(0.00007831)).toBe('0.0079%')
    expect(atMost(0)).toBe('0.0000%')
  })
  it('tells infeasible from failed', () => {
    expect(stateOf({ status: 'done', summary: { status: 'infeasible' } }).zh).toBe('不可行')
    expect(stateOf({ status: 'failed', summary: {} }).zh).toBe('编制失败')
  })
  it('says options as people do', () => expect(optionText('enforce', { area: true, paddy: false, quality: true })).toBe('数量、质量'))
})
