import { describe, expect, it } from 'vitest'
import { codeProblem, shownCode } from './code'

describe('shownCode', () => {
  it.each([['bcdfghjk', 'BCDF-GHJK'], ['bcdf ghjk', 'BCDF-GHJK'], ['BCDF--GHJK ', 'BCDF-GHJK'], ['bcd', 'BCD'], ['', '']])('%j is shown as %j', (typed, shown) => {
    expect(shownCode(typed)).toBe(shown)
  })
})

describe('codeProblem', () => {
  it('lets codes pass in any spelling', () => {
    for (const typed of ['BCDF-GHJK', 'bcdf ghjk', ' b c d f g h j k ']) expect(codeProblem(typed)).toBeNull()
  })

  it.each([
    ['', 'Type the eight letters of your code.'],
    ['BCDF', 'A code has 8 letters. You typed 4.'],
    ['BCDF-GHJK-L', 'A code has only 8 letters. You typed 9.'],
    ['BCDF-GHJ0', '0 is never in a code. Please compare with the card.'],
    ['ABCD-FG1A', 'A and 1 are never in a code. Please compare with the card.'],
  ])('of %j says %j', (typed, problem) => {
    expect(codeProblem(typed)).toBe(problem)
  })
})
