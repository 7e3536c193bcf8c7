import { describe, expect, it } from 'vitest'
import type { Point, Series, SeriesView } from '../api/types'
import { addPoints, strike, withGaps } from './series'

const series: Series = { metric: 'spo2', component: null, device: 'd-1', label: 'SpO2', unit: '%', gap_ms: 100, t: [100, 200, 400], v: [95, 96, 94], limits: [] }
const view: SeriesView = { server_time: '', from: '', to: '', series: [series] }
const point = (t: number, v: number | null, flags = 0): Point => ['p-1', 'spo2', null, 'd-1', t, v, flags, null]

describe('withGaps', () => {
  it('breaks the line in a silence and nowhere else', () => {
    expect(withGaps(series, 0)).toEqual({ t: [100, 200, 201, 400], v: [95, 96, null, 94] })
  })

  it('does not break what the picture could not show', () => {
    expect(withGaps(series, 200).t).toEqual(series.t)
  })
})

describe('addPoints', () => {
  it('puts a late reading where it was measured', () => {
    expect(addPoints(view, [point(300, 93), point(500, 92, 1)])?.series[0]).toMatchObject({ t: [100, 200, 300, 400, 500], v: [95, 96, 93, 94, 92], flags: [0, 0, 0, 0, 1] })
  })

  it('replaces a reading of the same instant and keeps a missing number', () => {
    expect(addPoints(view, [point(200, null)])?.series[0]).toMatchObject({ t: [100, 200, 400], v: [95, null, 94] })
  })

  it('asks for a reload when the series is new', () => {
    expect(addPoints(view, [['p-1', 'heart_rate', null, 'd-1', 1, 70, 0, null]])).toBeNull()
  })

  it('leaves what it was given alone', () => {
    addPoints(view, [point(500, 92)])
    expect(series.t).toEqual([100, 200, 400])
  })
})

describe('strike', () => {
  const at = (t: number) => new Date(t).toISOString()
  it('takes a reading out of its line and keeps its point aside', () => {
    const reading = { observation: 'o-1', metric: 'spo2', device: 'd-1', measured_at: at(200) }
    expect(strike(view, reading).series[0]).toMatchObject({ t: [100, 400], v: [95, 94], wrong: [{ t: 200, v: 96, observation: 'o-1' }] })
  })

  it('leaves other devices and other times alone', () => {
    const reading = { observation: 'o-1', metric: 'spo2', device: 'd-2', measured_at: at(200) }
    expect(strike(view, reading).series[0]).toBe(series)
    expect(strike(view, { ...reading, device: 'd-1', measured_at: at(300) }).series[0]).toBe(series)
  })
})
