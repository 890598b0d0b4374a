/**
 * 面积。Areas are exact: strings of square metres with two decimals in the API,
 * whole hundredths of a square metre (bigint) here. What is shown is computed from
 * them and rounded once, half away from zero; sums are never of rounded figures.
 */

/** 面积单位：亩、公顷、平方米。 */
export type Unit = 'mu' | 'ha' | 'm2'

/** Names of the units, Chinese first. */
export const units: Record<Unit, { zh: string; en: string; decimals: number }> = {
  mu: { zh: '亩', en: 'mu', decimals: 2 },
  ha: { zh: '公顷', en: 'ha', decimals: 4 },
  m2: { zh: '平方米', en: 'm²', decimals: 2 },
}

/** Hundredths of a square metre from the API's text; undefined is none. */
export function hundredths(text: string | undefined | null): bigint {
  if (text === undefined || text === null || text === '') return 0n
  const parts = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(text)
  if (!parts) throw new RangeError(`not an area in m²: ${text}`)
  const value = BigInt(parts[2]!) * 100n + BigInt((parts[3] ?? '').padEnd(2, '0'))
  return parts[1] ? -value : value
}

/** Divides, rounding half away from zero. */
function divided(value: bigint, by: bigint): bigint {
  const half = by / 2n
  return value < 0n ? -((-value + half) / by) : (value + half) / by
}

// 1 亩 is 2000/3 m², 1 公顷 10,000 m².
function scaled(value: bigint, unit: Unit): bigint {
  switch (unit) {
    case 'mu':
      return divided(value * 3n, 2000n)
    case 'ha':
      return divided(value, 100n)
    case 'm2':
      return value
  }
}

/** The figure in a unit with its decimals and thousands set off: 1,234.50. */
export function shown(value: bigint, unit: Unit): string {
  const { decimals } = units[unit]
  const digits = scaled(value, unit)
  const text = (digits < 0n ? -digits : digits).toString().padStart(decimals + 1, '0')
  const whole = text.slice(0, -decimals).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return `${digits < 0n ? '−' : ''}${whole}.${text.slice(-decimals)}`
}

/** The figure with its sign always written, for differences. */
export function signed(value: bigint, unit: Unit): string {
  const text = shown(value, unit)
  return value > 0n ? `+${text}` : text
}

/** The figure as a number, for drawing only. */
export function drawn(value: bigint, unit: Unit): number {
  return Number(scaled(value, unit)) / 10 ** units[unit].decimals
}

/** The plain figure of a file: no thousands, an ordinary minus. */
export function plain(value: bigint, unit: Unit): string {
  return shown(value, unit).replaceAll(',', '').replace('−', '-')
}

/** Hundredths of a square metre from what somebody typed in a unit, rounded once; undefined is no area. */
export function typedArea(text: string, unit: Unit): bigint | undefined {
  const parts = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(text.trim().replaceAll(',', ''))
  if (!parts) return undefined
  const [whole, decimals] = [parts[1]!, parts[2] ?? '']
  const value = BigInt(whole + decimals) * 100n // of a square metre, times 10 to the decimals
  const by = 10n ** BigInt(decimals.length)
  return unit === 'mu' ? divided(value * 2000n, by * 3n) : divided(unit === 'ha' ? value * 10_000n : value, by)
}
