import { useComputedColorScheme } from '@mantine/core'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import { numberText, timeText } from '../../format/format'
import { now_ms } from '../../live/store'
import { axis_height_px, options, plot_height_px } from './chart'
import { seriesName, summary, toColumns, type Panel } from './panels'
import styles from './Trends.module.css'

interface Props {
  panel: Panel
  zone: string
  from_ms: number
  to_ms: number
  /** The lowest panel carries the time axis for all. */
  last: boolean
}

interface Reading {
  value: number
  at_ms: number
}

function readingAt(u: uPlot, seriesIdx: number, idx: number | null | undefined): Reading | null {
  if (idx === null || idx === undefined) return null
  const [at_ms, value] = [u.data[0][idx], u.data[seriesIdx]?.[idx]]
  return at_ms === undefined || value === null || value === undefined ? null : { value, at_ms }
}

export function TrendPanel({ panel, zone, from_ms, to_ms, last }: Props) {
  const scheme = useComputedColorScheme('light')
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(null)
  const [pointed, setPointed] = useState<(Reading | null)[] | null>(null)
  // Two of a thousand steps across the range: what the eye, and the server's thinning out, can tell apart.
  const resolution_ms = (to_ms - from_ms) / 500
  const columns = useMemo(() => toColumns(panel, resolution_ms), [panel, resolution_ms])
  // The chart is built anew only when its lines, limits, colours or axis change, not for every reading.
  const shape = JSON.stringify([panel.series.map(({ component, device, limits }) => [component, device, limits]), zone, last, scheme])
  const newest = useRef(panel)
  useEffect(() => {
    newest.current = panel
  }, [panel])

  const onCursor = useCallback((u: uPlot) => {
    const { idxs, left } = u.cursor
    const inside = left !== undefined && left >= 0
    setPointed(inside ? u.series.slice(1).map((_, i) => readingAt(u, i + 1, idxs?.[i + 1])) : null)
  }, [])

  useEffect(() => {
    const element = box.current
    if (element === null) return
    const height = plot_height_px + (last ? axis_height_px : 0)
    const made = new uPlot({ ...options(() => newest.current, zone, last, onCursor), width: element.clientWidth }, undefined, element)
    chart.current = made
    const observer = new ResizeObserver(() => { made.setSize({ width: element.clientWidth, height }) })
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      chart.current = null
    }
  }, [shape, zone, last, onCursor])

  useEffect(() => {
    const u = chart.current
    u?.batch(() => {
      u.setData(columns, false)
      u.setScale('x', { min: from_ms, max: to_ms })
    })
  }, [columns, from_ms, to_ms, shape])

  const text = summary(panel, zone, to_ms)
  return (
    <figure className={styles.panel}>
      <figcaption className={styles.gutter}>
        <h3>
          {panel.label} <small>{panel.unit}</small>
        </h3>
        <Readout panel={panel} zone={zone} pointed={pointed} />
        <span className="sr-only">{text}</span>
      </figcaption>
      <div ref={box} className={styles.plot} data-last={last} title={text} aria-hidden />
    </figure>
  )
}

/** The value under the pointer, else the latest, with its time. */
function Readout({ panel, zone, pointed }: { panel: Panel; zone: string; pointed: (Reading | null)[] | null }) {
  const readings = panel.series.map((series, i) => {
    const at = series.v.findLastIndex((value) => value !== null)
    const latest = at < 0 ? null : { value: series.v[at] ?? 0, at_ms: series.t[at] ?? 0 }
    return { name: seriesName(series, panel), reading: pointed?.[i] ?? latest }
  })
  const when = readings.find(({ reading }) => reading !== null)?.reading?.at_ms
  return (
    <div className={styles.readout} aria-hidden>
      {readings.map(({ name, reading }, i) => (
        <span key={i} data-line={i % 2} className="measured">
          <b>{reading === null ? '–' : numberText(reading.value)}</b>
          {name !== '' && <small>{name}</small>}
        </span>
      ))}
      {when !== undefined && <small className={styles.when}>{timeText(when, zone, now_ms())}</small>}
    </div>
  )
}
