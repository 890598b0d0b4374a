/**
 * 权衡曲线。From a bound at each λ (cost + λ·border ≥ bound, of every plan) follows what any
 * plan of a border costs at least: the highest of the lines bound − λ·border.
 */
import type { Schemas } from '../api/client'

export type Point = Schemas['PlanFrontier']['points'][number]

/** Corners of the bound between two borders, by border; none without a bound. */
export function boundCurve(points: readonly Pick<Point, 'lambda' | 'bound'>[], from: number, to: number): [border: number, cost: number][] {
  const lines = points.filter((p) => p.bound !== undefined).map((p) => ({ slope: -p.lambda, at: p.bound! }))
  if (lines.length === 0 || to < from) return []
  const least = (border: number) => Math.max(...lines.map((l) => l.at + l.slope * border))
  const borders = new Set([from, to])
  lines.forEach((a, i) => {
    for (const b of lines.slice(i + 1)) {
      const x = (b.at - a.at) / (a.slope - b.slope)
      // only where the two lines are the highest does the bound turn
      if (x > from && x < to && Math.abs(a.at + a.slope * x - least(x)) <= 1e-9 * Math.max(1, Math.abs(least(x)))) borders.add(x)
    }
  })
  return [...borders].sort((a, b) => a - b).map((x) => [x, least(x)])
}
