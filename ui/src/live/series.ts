/** Readings over time: new points go in where their measured time says, and silence stays a gap. */
import type { Point, Series, SeriesView, StoredReading } from '../api/types'

/** Past this many points since the last load the server is asked again, which thins old ones out. */
export const appended_max = 2_000

function isFor([, metric, component, device]: Point, series: Series): boolean {
  return metric === series.metric && component === series.component && device === series.device
}

/** Adds one patient's points; null when a point belongs to no known series, so that the caller loads again. */
export function addPoints(view: SeriesView, points: readonly Point[]): SeriesView | null {
  const series = [...view.series]
  for (const point of points) {
    const index = series.findIndex((candidate) => isFor(point, candidate))
    const found = series[index]
    if (found === undefined) return null
    series[index] = addPoint(found, point)
  }
  return { ...view, series }
}

function addPoint(series: Series, [, , , , t_ms, value, flags]: Point): Series {
  let at = series.t.length
  while (at > 0 && (series.t[at - 1] ?? 0) > t_ms) at -= 1
  const replaces = at > 0 && series.t[at - 1] === t_ms ? 1 : 0
  const marks = series.flags ?? series.t.map(() => 0)
  return {
    ...series,
    t: series.t.toSpliced(at - replaces, replaces, t_ms),
    v: series.v.toSpliced(at - replaces, replaces, value),
    flags: marks.toSpliced(at - replaces, replaces, flags),
  }
}

/** Takes a reading that was marked as wrong out of its lines and keeps its points aside. */
export function strike(view: SeriesView, reading: Pick<StoredReading, 'observation' | 'metric' | 'device' | 'measured_at'>): SeriesView {
  const t_ms = Date.parse(reading.measured_at)
  return {
    ...view,
    series: view.series.map((series) => {
      const at = series.t.indexOf(t_ms)
      if (at < 0 || series.metric !== reading.metric || (reading.device !== null && series.device !== reading.device)) return series
      const value = series.v[at]
      const wrong = series.wrong ?? []
      return {
        ...series,
        t: series.t.toSpliced(at, 1),
        v: series.v.toSpliced(at, 1),
        flags: series.flags?.toSpliced(at, 1),
        wrong: value === null || value === undefined ? wrong : [...wrong, { t: t_ms, v: value, observation: reading.observation }],
      }
    }),
  }
}

/**
 * Times and values with a null put into every silence longer than the series allows.
 * A silence below the picture's resolution is no gap: thinned out series are that far apart everywhere.
 */
export function withGaps(series: Series, resolution_ms: number): { t: number[]; v: (number | null)[] } {
  const longest_ms = Math.max(series.gap_ms, resolution_ms)
  const t: number[] = []
  const v: (number | null)[] = []
  for (const [i, at] of series.t.entries()) {
    const before = t.at(-1)
    if (before !== undefined && at - before > longest_ms) {
      t.push(before + 1)
      v.push(null)
    }
    t.push(at)
    v.push(series.v[i] ?? null)
  }
  return { t, v }
}
