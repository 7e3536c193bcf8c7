import type { Alert } from '../../api/types'

export interface Bar {
  alert: Alert
  start_ms: number
  end_ms: number
  lane: number
}

// A patient with more alerts at once than this has a list to read, not a picture.
const lanes_max = 5

/** Alerts inside the range, each on the first lane where it overlaps nothing. */
export function stack(alerts: readonly Alert[], from_ms: number, to_ms: number): Bar[] {
  const free_ms: number[] = []
  const bars: Bar[] = []
  const shown = alerts
    .filter((alert) => alert.condition !== 'retracted')
    .map((alert) => ({ alert, start: Date.parse(alert.opened_at), end: alert.cleared_at === null ? to_ms : Date.parse(alert.cleared_at) }))
    .filter(({ start, end }) => start < to_ms && end > from_ms)
    .sort((a, b) => a.start - b.start)
  for (const { alert, start, end } of shown) {
    const found = free_ms.findIndex((until) => until <= start)
    const lane = found < 0 ? free_ms.length : found
    if (lane >= lanes_max) continue
    free_ms[lane] = end
    bars.push({ alert, start_ms: Math.max(start, from_ms), end_ms: Math.min(end, to_ms), lane })
  }
  return bars
}
