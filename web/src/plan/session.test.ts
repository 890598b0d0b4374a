import { describe, expect, it } from 'vitest'
import { applied, given, merged, type SessionOptions } from './session'

const options: SessionOptions = {
  lambda: 1, transfer_cost: 50, in_cost: 200, refusal_cost: 1000, include_review: false, time_limit_s: 60, gap: 0.0001, seed: 1, track_width_m: 8, min_patch_m2: 400, patch_rule: false,
  weights: { 'IN-P1': 60, 'OUT-P1': 120 }, enforce: { area: true, paddy: true, quality: true }, chosen: ['in/A'], balance: 'net_increase',
}

describe('merged', () => {
  it('keeps the last of each option and joins weights by their clauses', () =>
    expect(merged({ options: { lambda: 2, weights: { 'IN-P1': 1 } } }, { options: { lambda: 3, weights: { 'OUT-P1': 2 } } })).toEqual({ options: { lambda: 3, weights: { 'IN-P1': 1, 'OUT-P1': 2 } } }))
  it('keeps the last lock of each parcel', () =>
    expect(merged({ locks: new Map([['in/A', 'chosen'], ['in/B', 'chosen']]) }, { locks: new Map([['in/A', 'free']]) }).locks).toEqual(new Map([['in/A', 'free'], ['in/B', 'chosen']])))
  it('drops locks that whole lists overrule', () => expect(merged({ locks: new Map([['in/A', 'chosen']]) }, { options: { chosen: [] } })).toEqual({ options: { chosen: [] } }))
  it('searches as long as the longer of both asks', () => expect(merged({ limit: 10_000 }, {}).limit).toBe(10_000))
})

describe('applied', () => {
  it('lays locks over decisions, none of them twice', () => {
    const o = applied(options, { locks: new Map([['in/A', 'not_chosen'], ['out/B', 'chosen']]) })
    expect([o.chosen, o.not_chosen]).toEqual([['out/B'], ['in/A']])
  })
  it('leaves what it is given alone', () => {
    applied(options, { locks: new Map([['in/A', 'free']]), options: { weights: { 'IN-P1': 0 } } })
    expect([options.chosen, options.weights['IN-P1']]).toEqual([['in/A'], 60])
  })
})

describe('given', () => {
  it('leaves the patch rule, which a session refuses', () => expect(given({ ...options, patch_rule: true }).patch_rule).toBe(false))
  it('says the empty lists as well, and nothing that only the rulebook says', () => {
    const o = given(options)
    expect(o).not.toHaveProperty('balance')
    expect([o.chosen, o.not_chosen, o.quotas]).toEqual([['in/A'], [], []])
  })
})
