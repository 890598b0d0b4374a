import { expect, test } from 'vitest'
import { csv } from './csv'

test('cells are quoted, formulas are text, negative figures stay figures', () => {
  expect(csv([['乡镇', '结余（亩）'], ['甲,乙"丙', '-12.30'], ['=HYPERLINK("x")', -1], ['-1+cmd', '@x']])).toBe(
    '\ufeff乡镇,结余（亩）\r\n"甲,乙""丙",-12.30\r\n"\'=HYPERLINK(""x"")",-1\r\n\'-1+cmd,\'@x\r\n',
  )
})
