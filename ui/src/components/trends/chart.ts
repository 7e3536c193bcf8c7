/** How one panel is drawn. */
import type uPlot from 'uplot'
import type { Priority } from '../../api/types'
import { clockText, dayText, numberText } from '../../format/format'
import { limitLines, wrongOf, yRange, type Line, type Panel } from './panels'

export const plot_height_px = 104
export const axis_height_px = 26
export const y_axis_px = 46
export const right_px = 14

const font = "11px 'Inter Variable', sans-serif"
const limitDash: Record<Priority, number[]> = { high: [], medium: [7, 4], low: [2, 4], technical: [1, 3] }

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

const limitColour: Record<Priority, string> = {
  high: '--high',
  medium: '--medium-edge',
  low: '--low-edge',
  technical: '--technical-edge',
}

/** Points that no line would show: alone between gaps, or few enough to show all. */
function pointsToShow(u: uPlot, seriesIdx: number): number[] {
  const values = u.data[seriesIdx] ?? []
  const spoken = [...values.keys()].filter((i) => values[i] !== undefined)
  const few = spoken.length < u.bbox.width / devicePixelRatio / 14
  return spoken.filter((i, k) => {
    if (values[i] === null) return false
    return few || (isGap(values[spoken[k - 1] ?? -1]) && isGap(values[spoken[k + 1] ?? -1]))
  })
}

function isGap(value: number | null | undefined): boolean {
  return value === null || value === undefined
}

function nearest(u: uPlot, seriesIdx: number, idx: number): number {
  const values = u.data[seriesIdx] ?? []
  for (let step = 0; step < values.length; step += 1) {
    if (!isGap(values[idx - step])) return idx - step
    if (!isGap(values[idx + step])) return idx + step
  }
  return idx
}

/** `newest` is asked at each drawing: marks change without the chart being built anew. */
export function options(newest: () => Panel, zone: string, last: boolean, onCursor: (u: uPlot) => void): uPlot.Options {
  const panel = newest()
  const lines = limitLines(panel)
  const grid = { stroke: colour('--line'), width: 1 }
  const axis = { stroke: colour('--ink-3'), font, ticks: { show: false } }
  return {
    width: 600,
    height: plot_height_px + (last ? axis_height_px : 0),
    padding: [8, right_px, last ? 0 : 8, 0],
    ms: 1,
    legend: { show: false },
    cursor: {
      drag: { x: false, y: false },
      sync: { key: 'trends', scales: ['x', null] },
      points: { size: 7, stroke: colour('--surface') },
      y: false,
      dataIdx: nearest,
    },
    scales: {
      x: { time: true, range: (_, min, max) => [min, max] },
      y: { range: (_, low, high) => yRange(...extent(newest(), low, high), lines) },
    },
    axes: [
      {
        ...axis,
        size: last ? axis_height_px : 0,
        grid,
        gap: 4,
        space: 76,
        values: (u, splits) => (last ? timeLabels(u, splits, zone) : splits.map(() => '')),
      },
      { ...axis, size: y_axis_px, grid, gap: 6, space: 30, values: (_, splits) => splits.map(numberText) },
    ],
    series: [
      {},
      ...panel.series.map((series, i) => ({
        stroke: colour(i % 2 === 0 ? '--chart' : '--chart-2'),
        width: 1.6,
        dash: series.component === null && i > 0 ? [4, 3] : undefined,
        points: { show: true, size: 5, width: 0, fill: colour(i % 2 === 0 ? '--chart' : '--chart-2'), filter: pointsToShow },
      })),
    ],
    hooks: {
      drawAxes: [(u) => { drawLimits(u, lines) }],
      draw: [(u) => { drawFlags(u, newest()) }, (u) => { drawWrong(u, newest()) }],
      setCursor: [onCursor],
    },
  }
}

/** The values on the lines; where all of them were marked as wrong, those. A wrong value never squeezes the true ones. */
function extent(panel: Panel, low: number | null, high: number | null): [number, number] {
  if (low !== null && high !== null) return [low, high]
  const values = panel.series.flatMap(wrongOf).map((point) => point.v)
  return values.length === 0 ? [0, 0] : [Math.min(...values), Math.max(...values)]
}

/** Clock times, and the day where it begins. */
function timeLabels(u: uPlot, splits: number[], zone: string): string[] {
  const daily = (u.scales.x?.max ?? 0) - (u.scales.x?.min ?? 0) > 3 * 86_400_000
  return splits.map((ms, i) => {
    const clock = clockText(ms, zone)
    if (!daily) return clock === '00:00' ? dayText(ms, zone) : clock
    const day = dayText(ms, zone)
    return i > 0 && day === dayText(splits[i - 1] ?? 0, zone) ? '' : day
  })
}

function drawLimits(u: uPlot, lines: readonly Line[]): void {
  const { ctx, bbox } = u
  const scale = devicePixelRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.font = `600 ${String(10.5 * scale)}px 'Inter Variable', sans-serif`
  ctx.textAlign = 'left'
  for (const line of lines) {
    const y = Math.round(u.valToPos(line.value, 'y', true)) + 0.5
    ctx.strokeStyle = ctx.fillStyle = colour(limitColour[line.priority])
    ctx.lineWidth = scale
    ctx.setLineDash(limitDash[line.priority].map((length) => length * scale))
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    // The words stand on the side that is out of limits, where there is room for them.
    const room = 14 * scale
    const below = line.op.startsWith('<') ? y + room < bbox.top + bbox.height : y - room < bbox.top
    ctx.textBaseline = below ? 'top' : 'bottom'
    ctx.fillText(line.text, bbox.left + 5 * scale, y + (below ? 3 : -2) * scale)
  }
  ctx.restore()
}

/** A reading that carries a doubt is crossed, so that shape and not colour tells it. */
function drawFlags(u: uPlot, panel: Panel): void {
  const { ctx } = u
  const arm = 4 * devicePixelRatio
  ctx.save()
  ctx.strokeStyle = colour('--ink')
  ctx.lineWidth = 1.5 * devicePixelRatio
  ctx.beginPath()
  for (const series of panel.series) {
    for (const [i, flags] of (series.flags ?? []).entries()) {
      const value = series.v[i]
      if (flags === 0 || value === null || value === undefined) continue
      const x = u.valToPos(series.t[i] ?? 0, 'x', true)
      const y = u.valToPos(value, 'y', true)
      ctx.moveTo(x - arm, y - arm)
      ctx.lineTo(x + arm, y + arm)
      ctx.moveTo(x - arm, y + arm)
      ctx.lineTo(x + arm, y - arm)
    }
  }
  ctx.stroke()
  ctx.restore()
}

/** What was marked as wrong: a hollow cross, struck through; at the edge when its value lies beyond it. */
function drawWrong(u: uPlot, panel: Panel): void {
  const { ctx, bbox } = u
  const scale = devicePixelRatio
  const arm = 5 * scale
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top - arm, bbox.width, bbox.height + 2 * arm)
  ctx.clip()
  const crosses = new Path2D()
  const strikes = new Path2D()
  for (const { t, v } of panel.series.flatMap(wrongOf)) {
    const x = u.valToPos(t, 'x', true)
    const y = Math.min(Math.max(u.valToPos(v, 'y', true), bbox.top + arm), bbox.top + bbox.height - arm)
    crosses.moveTo(x - arm, y - arm)
    crosses.lineTo(x + arm, y + arm)
    crosses.moveTo(x - arm, y + arm)
    crosses.lineTo(x + arm, y - arm)
    strikes.moveTo(x - arm * 1.7, y)
    strikes.lineTo(x + arm * 1.7, y)
  }
  ctx.lineCap = 'round'
  for (const [name, width] of [['--ink-2', 5], ['--surface', 2.4]] as const) {
    ctx.strokeStyle = colour(name)
    ctx.lineWidth = width * scale
    ctx.stroke(crosses)
  }
  ctx.strokeStyle = colour('--ink-2')
  ctx.lineWidth = 1.4 * scale
  ctx.stroke(strikes)
  ctx.restore()
}
