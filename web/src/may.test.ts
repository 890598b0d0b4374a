import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { deciders, may } from './may'

test('a right is the role\'s, wherever it acts; who acts in none may try everything', () => {
  expect(may('plan', 'bureau')).toBe(true)
  expect(may('plan', 'township_clerk/149901100')).toBe(false)
  expect(may('signForTownship', 'township_clerk/149901100')).toBe(false)
  expect(may('signForTownship', 'township_lead/149901100')).toBe(true)
  expect(may('plan', '')).toBe(true)
})

test('the rights are those of the service\'s table', () => {
  const policy = readFileSync('../internal/api/policy.go', 'utf8')
  const named = (name: string): string => new RegExp(`\\b${name}\\s*=\\s*(.*)`).exec(policy)![1]!
  const camel = (r: string) => r.split('_').map((w) => w[0]!.toUpperCase() + w.slice(1)).join('')
  const roles = (text: string) => [...text.matchAll(/access\.([A-Z][A-Za-z]+)\b(?!\()/g)].map((m) => m[1]!).filter((r) => r !== 'Role')
  const of = (operation: string): string[] => {
    const rule = new RegExp(`"${operation}":\\s*\\{(.*?), (?:wholeCounty|own|filtered|anyCounty)\\}`).exec(policy)![1]!
    return rule.startsWith('[') ? roles(rule) : rule === 'contributors' ? [...roles(named('contributors')), ...roles(named('departments'))] : roles(named(rule))
  }
  const held = { plan: 'addPlan', people: 'listIdentities', changePeople: 'addIdentity', audit: 'listAudit', tolerances: 'changeTolerances', retire: 'retireDataset', declare: 'addUpload', mend: 'finishRectification', file: 'addRecordDocument' } as const
  for (const [right, operation] of Object.entries(held)) {
    expect([...deciders[right as keyof typeof held]].map(camel).sort(), `${right}, ${operation}`).toEqual([...new Set(of(operation))].sort())
  }
  // Of those who may load something a township's roles load declarations only (internal/api/datasets.go).
  expect([...deciders.layers].map(camel).sort()).toEqual(of('addDataset').filter((r) => !r.startsWith('Township')).sort())
})
