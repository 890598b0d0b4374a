/** Columns and orders of BigTable. */

export interface Column<T> {
  /** Names the column, its order and its slot. */
  key: string
  zh: string
  en?: string
  /** Width in pixels; of a column that grows the least. */
  width: number
  /** Takes what the others leave. */
  grow?: boolean
  /** Left out where the table is too narrow for all of them, the greatest first: what is said of the chosen row beside the table. */
  spare?: number
  /** A figure: to the right, digits equally wide. */
  n?: boolean
  text: (row: T) => string
  /** What the column is sorted by; a column without is not sorted. Of numbers none is NaN. */
  by?: (row: T) => string | number | bigint
}

/** fitting are the columns that a width has room for: spare ones go, until the rest fits or none is left to go. */
export function fitting<T>(columns: readonly Column<T>[], width: number): readonly Column<T>[] {
  let sum = columns.reduce((all, c) => all + c.width, 0)
  if (width <= 0 || sum <= width) return columns
  const gone = new Set<string>()
  for (const c of columns.filter((c) => c.spare !== undefined).sort((a, b) => b.spare! - a.spare!)) {
    if (sum <= width) break
    gone.add(c.key)
    sum -= c.width
  }
  return columns.filter((c) => !gone.has(c.key))
}

/** By which column rows stand, and whether the greatest is first. */
export interface Order {
  key: string
  down: boolean
}

// Comparing 100,000 texts by a collator takes seconds. Words of Chinese, of which there
// are few different ones, are ranked once; plain numbers and codes are compared as they
// are, with the numbers in them brought to one width.
function ranked(texts: string[]): Map<string, string | number> {
  const different = [...new Set(texts)]
  if (different.every((t) => /^[\x20-\x7e]*$/.test(t))) return new Map(different.map((t) => [t, t.replace(/\d+/g, (digits) => digits.padStart(15, '0'))]))
  const words = new Intl.Collator('zh-CN', { numeric: true })
  return new Map(different.sort(words.compare).map((t, i) => [t, i]))
}

/** Rows in an order; those that are equal stand as they came. No order leaves them as they are. */
export function sortedBy<T>(rows: readonly T[], columns: readonly Column<T>[], order: Order | undefined): readonly T[] {
  const by = order && columns.find((c) => c.key === order.key)?.by
  if (!order || !by) return rows
  const sign = order.down ? -1 : 1
  let keys = rows.map(by)
  if (keys.every((k) => typeof k === 'string')) {
    const ranks = ranked(keys)
    keys = keys.map((k) => ranks.get(k)!)
  }
  const places = rows.map((_, i) => i)
  places.sort((a, b) => (keys[a]! < keys[b]! ? -sign : keys[a]! > keys[b]! ? sign : 0))
  return places.map((i) => rows[i]!)
}
