import { describe, expect, it } from 'vitest'
import { fitting, sortedBy, type Column } from './bigtable'

interface Row { number: string; m2: bigint }
const columns: Column<Row>[] = [
  { key: 'number', zh: '编号', width: 100, text: (r) => r.number, by: (r) => r.number },
  { key: 'm2', zh: '面积', width: 100, text: (r) => String(r.m2), by: (r) => r.m2 },
  { key: 'note', zh: '备注', width: 100, text: () => '' },
]
const rows: Row[] = [{ number: 'ZJ10', m2: 5n }, { number: 'ZJ9', m2: 90071992547409931n }, { number: 'ZJ1', m2: 90071992547409930n }, { number: 'ZJ2', m2: 5n }]
const numbers = (list: readonly Row[]) => list.map((r) => r.number)

describe('sortedBy', () => {
  it('sorts numbers inside of words as numbers', () => expect(numbers(sortedBy(rows, columns, { key: 'number', down: false }))).toEqual(['ZJ1', 'ZJ2', 'ZJ9', 'ZJ10']))
  it('compares areas exactly and leaves equal ones as they came, both ways', () => {
    expect(numbers(sortedBy(rows, columns, { key: 'm2', down: false }))).toEqual(['ZJ10', 'ZJ2', 'ZJ1', 'ZJ9'])
    expect(numbers(sortedBy(rows, columns, { key: 'm2', down: true }))).toEqual(['ZJ9', 'ZJ1', 'ZJ10', 'ZJ2'])
  })
  it('sorts Chinese by its sound', () => {
    const towns = ['周庄镇', '安平乡', '北河镇'].map((number) => ({ number, m2: 0n }))
    expect(numbers(sortedBy(towns, columns, { key: 'number', down: false }))).toEqual(['安平乡', '北河镇', '周庄镇'])
  })
  it('leaves rows alone without an order, or by a column that has none', () => {
    expect(sortedBy(rows, columns, undefined)).toBe(rows)
    expect(sortedBy(rows, columns, { key: 'note', down: true })).toBe(rows)
  })
})

describe('fitting', () => {
  const wide: Column<Row>[] = [{ ...columns[0]! }, { ...columns[1]!, spare: 1 }, { ...columns[2]!, spare: 2 }]
  const keys = (width: number) => fitting(wide, width).map((c) => c.key)
  it('leaves out the sparest until the rest fits, and what is not spare never', () => {
    expect(keys(300)).toEqual(['number', 'm2', 'note'])
    expect(keys(299)).toEqual(['number', 'm2'])
    expect(keys(150)).toEqual(['number'])
    expect(keys(10)).toEqual(['number'])
    expect(keys(0)).toEqual(['number', 'm2', 'note']) // not measured yet
  })
})
