/** 期限。Days are those of China, whatever the clock of the machine; the day itself is in time. */

const dayMs = 86_400_000

/** Today in China, 2027-09-30. */
export const today = (now = new Date()) => now.toLocaleDateString('sv-SE', { timeZone: 'Asia/Shanghai' })

/** How many days are left until a date; less than none, and it has passed. */
export const daysLeft = (date: string, now = new Date()) => Math.round((Date.parse(date) - Date.parse(today(now))) / dayMs)

/** 还有 12 天. */
export function leftText(days: number): string {
  return days < 0 ? `已过 ${-days} 天` : days === 0 ? '就是今天' : `还有 ${days} 天`
}

/** Whether a page should say it loudly: it has passed, or is within two weeks. */
export const urgency = (days: number) => ({ bad: days < 0, warn: days >= 0 && days <= 14 })
