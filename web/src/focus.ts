/**
 * 焦点不丢。A control that a person stood on may be switched off while something is under
 * way, or go with the part of the page that it belongs to. The browser then leaves the
 * focus nowhere, and whoever works by keyboard no longer sees where they are. Here it goes
 * back to the control as soon as that can take it again, and else to what is left around it.
 */

/** What stands for a part of the page: the nearest of these around a control that is gone. */
const parts = '[tabindex], section, form, fieldset, dialog, [role="region"], [role="group"], main'
/** How long a control may be off before its part has the focus, in milliseconds. */
const patience = 400
const shown = (e: Element) => e.isConnected && e.getClientRects().length > 0

export function keepFocus(doc: Document) {
  let last: HTMLElement | undefined
  let around: HTMLElement[] = []
  let waiting: ReturnType<typeof setTimeout> | undefined
  /** What was hidden or switched off under the person's hands, such as behind a login, and may come back. */
  let hidden: HTMLElement | undefined
  /** The part that was given the focus for want of a control. */
  let stead: HTMLElement | undefined

  doc.addEventListener('focusin', (e) => {
    last = e.target as HTMLElement
    if (last !== stead) {
      stead = undefined
      // Who went on of their own accord is not called back, but for what a login hides.
      if (hidden && shown(hidden)) hidden = undefined
    }
    around = []
    for (let p = last.parentElement; p; p = p.parentElement) if (p.matches(parts)) around.push(p)
  })
  // Who presses on a place that takes no focus has left the control of their own will.
  doc.addEventListener('pointerdown', () => (last = hidden = undefined), true)

  /** A control comes into sight; a part is where one is already, and the page stays where it is. */
  function give(to: HTMLElement) {
    if (!to.matches('a[href], button, input, select, textarea, summary, [tabindex]')) {
      to.tabIndex = -1
      to.addEventListener('blur', () => to.removeAttribute('tabindex'), { once: true })
    }
    to.focus({ preventScroll: to === stead })
  }
  function back() {
    const at = doc.activeElement
    if (at && at !== doc.body && at !== stead) return
    if (hidden && shown(hidden) && !hidden.matches(':disabled')) {
      const to = hidden
      hidden = undefined
      return give(to)
    }
    if (!last || at === stead) return
    if (!shown(last)) return giveAround(last)
    if (!last.matches(':disabled')) return give(last)
    // Still off: it is waited for, but not for long, as it may stay so.
    const off = last
    clearTimeout(waiting)
    waiting = setTimeout(() => {
      if (last === off && doc.activeElement === doc.body) giveAround(off)
    }, patience)
  }
  function giveAround(from: HTMLElement) {
    if (from.isConnected) hidden = from
    stead = around.find(shown)
    if (stead) give(stead)
  }
  new MutationObserver(back).observe(doc.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled', 'style', 'hidden'] })
}
