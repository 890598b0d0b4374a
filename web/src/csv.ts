/**
 * 导出 CSV。UTF-8 with a mark, as Excel reads Chinese; a cell that a spreadsheet
 * would take for a formula is text. Figures are written as plain numbers.
 */
export function csv(rows: (string | number)[][]): string {
  const cell = (v: string | number) => {
    let text = String(v)
    if (/^[=+@\t\r]|^-(?!\d+(\.\d+)?$)/.test(text)) text = `'${text}`
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return `\ufeff${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}
