/** What the stacked trends show, as plain data: one panel per metric, one x array per panel, sentences for the ear. */
import uPlot from 'uplot'
import type { Limit, Series, WrongPoint } from '../../api/types'
import { countText, limitText, numberText, timeText, unitText } from '../../format/format'
import { withGaps } from '../../live/series'
import { metricText } from '../alert/metricText'

export interface Panel {
  metric: string
  label: string
  unit: string
  series: Series[]
}

const order = ['heart_rate', 'blood_pressure', 'spo2', 'resp_rate', 'body_temp', 'body_weight']

function place(metric: string): number {
  const at = order.indexOf(metric)
  return at < 0 ? order.length : at
}

// A code and a yes or no are no curves; the list of readings has them.
const not_drawn = ['consciousness', 'oxygen_in_use']

export function toPanels(series: readonly Series[]): Panel[] {
  const spoken = series.filter((one) => (one.t.length > 0 || wrongOf(one).length > 0) && !not_drawn.includes(one.metric))
  return [...new Set(spoken.map((one) => one.metric))]
    .map((metric) => toPanel(spoken.filter((one) => one.metric === metric)))
    .sort((a, b) => place(a.metric) - place(b.metric) || a.metric.localeCompare(b.metric))
}

/** Points that somebody marked as wrong. */
export function wrongOf({ wrong = [] }: Series): readonly WrongPoint[] {
  return wrong
}

function toPanel(series: Series[]): Panel {
  const [first] = series as [Series, ...Series[]]
  const same = series.every((one) => one.label === first.label)
  return { metric: first.metric, label: same ? first.label : metricText(first.metric), unit: unitText(first.unit), series }
}

/** Aligned columns for the chart: null is a gap, undefined only a time at which another series spoke. */
export function toColumns(panel: Panel, resolution_ms: number): uPlot.AlignedData {
  return uPlot.join(
    panel.series.map((series) => {
      const { t, v } = withGaps(series, resolution_ms)
      return [t, v] as uPlot.AlignedData
    }),
  )
}

/** What was entered by hand comes from a device of the server's own making. */
function deviceText(device: string): string {
  return device.startsWith('manual-') ? 'by hand' : device
}

export function seriesName(series: Series, panel: Panel): string {
  const several = new Set(panel.series.map((one) => one.device)).size > 1
  return [series.component, several ? deviceText(series.device) : null].filter(Boolean).join(', ')
}

/** One sentence a series: how many readings, the range, the latest. */
export function summary(panel: Panel, zone: string, now_ms: number): string {
  const sentences = panel.series.map((series) => {
    const values = series.v.filter((value) => value !== null)
    const at = series.v.findLastIndex((value) => value !== null)
    const last = series.v[at]
    const name = seriesName(series, panel)
    const what = name === '' ? panel.label : `${panel.label} ${name}`
    const struck = wrongOf(series).length === 0 ? '' : ` ${countText(wrongOf(series).length, 'reading')} marked as wrong.`
    if (series.t.length === 0) return `${what}:${struck}`
    if (at < 0 || last === null || last === undefined) return `${what}: no number among ${countText(series.t.length, 'reading')}.${struck}`
    const when = timeText(series.t[at] ?? now_ms, zone, now_ms)
    if (values.length === 1) return `${what}: 1 reading, ${numberText(last)} ${panel.unit} at ${when}.${struck}`
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const range = low === high ? `always ${numberText(low)}` : `from ${numberText(low)} to ${numberText(high)}`
    return `${what}: ${countText(values.length, 'reading')}, ${range} ${panel.unit}, latest ${numberText(last)} at ${when}.${struck}`
  })
  return sentences.join(' ')
}

export interface Line extends Limit {
  text: string
}

/** The limits of a panel, each once. */
export function limitLines(panel: Panel): Line[] {
  const lines = new Map<string, Line>()
  for (const series of panel.series) {
    for (const limit of series.limits) {
      const part = series.component === null ? '' : `${series.component.slice(0, 3)} `
      const text = `${part}${limitText(limit.op)} ${numberText(limit.value)}`
      lines.set(`${limit.priority} ${text}`, { ...limit, text })
    }
  }
  return [...lines.values()]
}

/** The y range: all values, and the nearest limit on each side, so that the distance to it can be seen. */
export function yRange(low: number, high: number, lines: readonly Line[]): [number, number] {
  const values = lines.map((line) => line.value)
  const under = Math.max(...values.filter((value) => value <= low))
  const over = Math.min(...values.filter((value) => value >= high))
  const bottom = Number.isFinite(under) ? under : low
  const top = Number.isFinite(over) ? over : high
  // A flat line still gets room: a fiftieth of its value, or 1 around zero.
  const pad = (top - bottom) * 0.12 || Math.abs(top) / 50 || 1
  return [bottom - pad, top + pad]
}
