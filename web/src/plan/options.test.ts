import { describe, expect, it } from 'vitest'
import { changed, draftOf, over, wrongs } from './options'
import type { Options } from './plans'

const options: Options = {
  lambda: 1, transfer_cost: 50, in_cost: 200, refusal_cost: 1000, include_review: false, time_limit_s: 60, gap: 0.0001, seed: 1, track_width_m: 8, min_patch_m2: 400, patch_rule: false,
  weights: { 'IN-P1': 60, 'OUT-P1': 120 }, enforce: { area: true, paddy: true, quality: true },
}

describe('changed', () => {
  it('sends nothing of what was left alone', () => expect(changed(draftOf(options), draftOf(options))).toEqual({}))
  it('sends weights whole, since a copy takes them whole', () => {
    const d = draftOf(options)
    d.weights['IN-P1'] = '90'
    expect(changed(draftOf(options), d)).toEqual({ weights: { 'IN-P1': 90, 'OUT-P1': 120 } })
  })
  it('takes decisions away as well', () => {
    const from = draftOf({ ...options, chosen: ['in/A'] })
    const to = draftOf({ ...options, chosen: ['in/A'] })
    to.chosen = ''
    to.not_chosen = 'in/A，out/B'
    expect(changed(from, to)).toEqual({ chosen: [], not_chosen: ['in/A', 'out/B'] })
  })
  it('writes areas with two decimals', () => {
    const d = draftOf(options)
    d.quotas = [{ township: '', direction: 'in', measure: 'area', min_m2: '1200', max_m2: '1500.5' }]
    expect(changed(draftOf(options), d).quotas).toEqual([{ direction: 'in', measure: 'area', min_m2: '1200.00', max_m2: '1500.50' }])
  })
  it('leaves to the rulebook what is blank', () => {
    const d = draftOf(undefined)
    d.numbers.lambda = '2.5'
    expect(changed(draftOf(undefined), d)).toEqual({ lambda: 2.5 })
  })
})

describe('over', () => {
  it('lays what a plan says over the rulebook, clause by clause', () => expect(over(options, { lambda: 2, weights: { 'IN-P1': 5 } })).toMatchObject({ lambda: 2, in_cost: 200, weights: { 'IN-P1': 5, 'OUT-P1': 120 } }))
  it('makes nothing up where the rulebook is not known', () => expect(draftOf(over(undefined, { chosen: ['in/A'] }))).toMatchObject({ chosen: 'in/A', weights: {}, enforce: undefined }))
})

describe('wrongs', () => {
  it('finds what the service would refuse', () => {
    const d = draftOf(options)
    d.numbers.lambda = '-1'
    d.chosen = 'ZJ1'
    d.quotas = [{ township: '', direction: 'in', measure: 'area', min_m2: '1.234', max_m2: '' }]
    expect(wrongs(d)).toHaveLength(3)
  })
})
