import { describe, expect, it } from 'vitest'
import type { Series } from '../../api/types'
import { makeAlert } from '../../live/fixtures'
import { stack } from './lanes'
import { limitLines, summary, toColumns, toPanels, yRange } from './panels'

const series = (more: Partial<Series>): Series => ({
  metric: 'spo2', component: null, device: 'd-1', label: 'SpO2', unit: '%', gap_ms: 60_000, t: [0, 60_000], v: [95, 86], limits: [], ...more,
})
const pressure = [
  series({ metric: 'blood_pressure', label: 'Blood pressure', unit: 'mm[Hg]', component: 'systolic', v: [120, 128], limits: [{ rule: 'r', priority: 'medium', op: '>=', value: 160 }] }),
  series({ metric: 'blood_pressure', label: 'Blood pressure', unit: 'mm[Hg]', component: 'diastolic', v: [76, 79] }),
]

describe('panels', () => {
  it('groups by metric in the order of the tiles and leaves out empty series', () => {
    const panels = toPanels([series({}), series({ metric: 'heart_rate', t: [], v: [] }), ...pressure])
    expect(panels.map(({ metric, series: parts }) => [metric, parts.length])).toEqual([['blood_pressure', 2], ['spo2', 1]])
  })

  it('shows a series of which everything was marked as wrong, and draws no code as a curve', () => {
    const wrong = [{ t: 0, v: 41, observation: 'o-1' }]
    const panels = toPanels([series({ t: [], v: [], wrong }), series({ metric: 'consciousness' }), series({ metric: 'oxygen_in_use' })])
    expect(panels.map(({ metric }) => metric)).toEqual(['spo2'])
    expect(panels[0] && summary(panels[0], 'UTC', 120_000)).toBe('SpO2: 1 reading marked as wrong.')
  })

  it('says in one sentence what a chart shows', () => {
    const [panel] = toPanels([series({})])
    expect(panel && summary(panel, 'UTC', 120_000)).toBe('SpO2: 2 readings, from 86 to 95 %, latest 86 at 00:01.')
  })

  it('keeps devices with different times on one axis without inventing gaps', () => {
    const [panel] = toPanels([series({}), series({ device: 'd-2', t: [30_000], v: [90] })])
    expect(panel && toColumns(panel, 0)).toEqual([[0, 30_000, 60_000], [95, undefined, 86], [undefined, 90, undefined]])
  })

  it('names the part of a blood pressure that a limit is for', () => {
    const [panel] = toPanels(pressure)
    expect(panel && limitLines(panel).map((line) => line.text)).toEqual(['sys ≥ 160'])
  })

  it('always shows the nearest limit on each side', () => {
    const lines = [45, 130, 150].map((value) => ({ rule: 'r', priority: 'high' as const, op: '>', value, text: '' }))
    const [low, high] = yRange(70, 80, lines)
    expect([low < 45, high > 130 && high < 150]).toEqual([true, true])
    expect(yRange(37, 37, [])[0]).toBeLessThan(37)
  })
})

describe('alert lane', () => {
  const from = Date.parse('2026-11-22T10:00:00Z')
  const until = Date.parse('2026-11-22T11:00:00Z')

  it('puts alerts that overlap on different lanes and cuts them to the range', () => {
    const bars = stack(
      [
        makeAlert({ id: 'old', opened_at: '2026-11-22T09:00:00Z', cleared_at: '2026-11-22T10:10:00Z' }),
        makeAlert({ id: 'open', opened_at: '2026-11-22T10:05:00Z' }),
        makeAlert({ id: 'next', opened_at: '2026-11-22T10:20:00Z', cleared_at: '2026-11-22T10:30:00Z' }),
        makeAlert({ id: 'gone', condition: 'retracted' }),
      ],
      from,
      until,
    )
    expect(bars.map(({ alert, lane }) => [alert.id, lane])).toEqual([['old', 0], ['open', 1], ['next', 0]])
    expect([bars[0]?.start_ms, bars[1]?.end_ms]).toEqual([from, until])
  })
})
