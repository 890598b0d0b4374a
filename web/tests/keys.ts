/**
 * 只用键盘。A page gone through by Tab alone: at every stop the focus is somewhere, is in
 * sight, is drawn, and has a name.
 */
import { expect, type Locator, type Page } from '@playwright/test'

const nowhere = 'the focus is nowhere'

/** What is wrong with where the focus is now; "" where nothing is. */
const wrongHere = (page: Page) => page.evaluate((nowhere) => {
  const at = document.activeElement as HTMLInputElement | null
  if (!at || at === document.body) return nowhere
  const what = `${at.tagName.toLowerCase()}${at.id ? `#${at.id}` : ''} ${(at.getAttribute('aria-label') ?? at.textContent ?? '').trim().slice(0, 40)}`
  const marks = [at, ...at.querySelectorAll('*'), ...[...(at.labels ?? [])].flatMap((l) => [l, ...l.querySelectorAll('*')])]
  const ring = (e: Element) => {
    const s = getComputedStyle(e)
    // A township on the small map is drawn round in the colour of the focus.
    return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || (e instanceof SVGPathElement && s.stroke === 'rgb(11, 87, 208)')
  }
  // The parts of a date draw their own.
  if (!marks.some(ring)) return at.type === 'date' ? '' :  `no mark of the focus at: ${what}`
  const seen = (e: Element) => {
    const b = e.getBoundingClientRect()
    return b.width > 0 && b.height > 0 && b.bottom > 0 && b.right > 0 && b.top < innerHeight && b.left < innerWidth
  }
  if (!marks.some((e) => ring(e) && seen(e))) return `the focus is out of sight at: ${what}`
  const named = at.getAttribute('aria-label') || at.getAttribute('aria-labelledby') || at.title || at.labels?.length || at.textContent?.trim() || at.matches('main')
  return named ? '' : `without a name: ${at.outerHTML.slice(0, 120)}`
}, nowhere)

/** sound says that the focus is where a person can see it. */
export const sound = (page: Page) => expect.poll(() => wrongHere(page)).toBe('')

/** Goes to a control by Tab from where the focus is, and looks at every stop on the way. */
export async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab', most = 90) {
  await expect(target).toBeEnabled()
  const passed: string[] = []
  for (let i = 0; i < most && !(await target.evaluate((e) => e === document.activeElement)); i++) {
    await page.keyboard.press(key)
    const wrong = await wrongHere(page)
    // Once round the page the focus is at the browser's own controls.
    if (wrong && wrong !== nowhere) passed.push(wrong)
  }
  expect(passed).toEqual([])
  await expect(target).toBeFocused()
  await sound(page)
}

/** Goes there and presses. */
export async function pressAt(page: Page, target: Locator, key = 'Enter', way: 'Tab' | 'Shift+Tab' = 'Tab') {
  await tabTo(page, target, way)
  await page.keyboard.press(key)
}

/** Goes to a field and types into it in place of what was there. */
export async function typeAt(page: Page, target: Locator, text: string, way: 'Tab' | 'Shift+Tab' = 'Tab') {
  await tabTo(page, target, way)
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type(text)
}

/** Chooses one of a group of radio buttons: Tab to the group, then arrows. */
export async function chooseAt(page: Page, radio: Locator) {
  const group = await radio.getAttribute('name')
  const inside = () => page.evaluate((name) => (document.activeElement as HTMLInputElement | null)?.name === name, group)
  for (let i = 0; i < 90 && !(await inside()); i++) await page.keyboard.press('Tab')
  for (let i = 0; i < 9 && !(await radio.isChecked()); i++) await page.keyboard.press(i === 0 && !(await radio.page().locator(`input[name="${group}"]:checked`).count()) ? 'Space' : 'ArrowDown')
  await expect(radio).toBeChecked()
  await sound(page)
}

/** Chooses one of a list box: Tab to it, then arrows from the top. */
export async function pickAt(page: Page, list: Locator, value: string) {
  await tabTo(page, list)
  await page.keyboard.press('Home')
  for (let i = 0; i < 60 && (await list.inputValue()) !== value; i++) await page.keyboard.press('ArrowDown')
  await expect(list).toHaveValue(value)
}

/** Goes down a table, whose box has the focus, to the row with this text, and opens it. */
export async function openRow(page: Page, grid: Locator, text: string) {
  await tabTo(page, grid)
  await page.keyboard.press('Home')
  const on = async () => {
    const id = await grid.getAttribute('aria-activedescendant')
    return id ? ((await page.locator(`[id="${id}"]`).textContent()) ?? '').includes(text) : false
  }
  for (let i = 0; i < 40 && !(await on()); i++) await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await sound(page)
}
