import { describe, expect, it } from 'vitest'
import { makeRow } from './fixtures'
import { arrange, compareKeys, nothingShown, sortRows, type Shown } from './order'

const patients = (shown: Shown) => shown.places.map((place) => place.patient)
const [a, b, c] = [makeRow('a', { order: [0, 1] }), makeRow('b', { order: [0, 2] }), makeRow('c', { order: [1] })]
const worse = { ...c, bucket: 'unacknowledged' as const, order: [0, 0] }

describe('compareKeys', () => {
  it('goes element by element, numbers by size, null first, the shorter first', () => {
    const keys = [[1, 'b'], [0, 10], [0, null], [1], [0, 9], [1, 'a']]
    expect(keys.toSorted(compareKeys)).toEqual([[0, null], [0, 9], [0, 10], [1], [1, 'a'], [1, 'b']])
  })

  it('sorts rows', () => {
    expect(sortRows([c, b, a]).map((row) => row.patient)).toEqual(['a', 'b', 'c'])
  })
})

describe('arrange', () => {
  const start = arrange(nothingShown, [a, b, c], false)

  it('is the same object while only values change', () => {
    expect(arrange(start, [{ ...a, why: 'other' }, b, c], false)).toBe(start)
    expect(arrange(start, [{ ...a, why: 'other' }, b, c], true)).toBe(start)
  })

  it('moves a row whose key changed', () => {
    expect(patients(arrange(start, [worse, a, b], false))).toEqual(['c', 'a', 'b'])
  })

  it('holds still under a hand and counts what would move', () => {
    const held = arrange(start, [worse, a, b], true)
    expect(patients(held)).toEqual(['a', 'b', 'c'])
    expect(held.changed).toBe(1)
    expect(arrange(held, [worse, a, b], true)).toBe(held)
  })

  it('counts who came and who left, and catches up when released', () => {
    const held = arrange(start, [a, c, makeRow('d')], true)
    expect(held.changed).toBe(2)
    const released = arrange(held, [a, c, makeRow('d')], false)
    expect([patients(released), released.changed]).toEqual([['a', 'c', 'd'], 0])
  })

  it('forgets a change that took itself back', () => {
    const held = arrange(start, [worse, a, b], true)
    expect(arrange(held, [a, b, c], true)).toEqual(start)
  })

  it('fills an empty table even under a hand', () => {
    expect(patients(arrange(nothingShown, [a], true))).toEqual(['a'])
  })
})
