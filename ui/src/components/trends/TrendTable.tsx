import { clockSecondsText, numberText, timeText } from '../../format/format'
import { seriesName, summary, wrongOf, type Panel } from './panels'
import styles from './Trends.module.css'

// More rows than anyone reads; the whole history is the API's to give.
const rows_max = 200

/** The same readings as numbers, newest first. */
export function TrendTable({ panel, zone, now_ms }: { panel: Panel; zone: string; now_ms: number }) {
  const times = [...new Set(panel.series.flatMap((series) => [...series.t, ...wrongOf(series).map((point) => point.t)]))].sort((a, b) => b - a)
  const wrong = panel.series.map((series) => new Map(wrongOf(series).map((point) => [point.t, point.v])))
  const values = panel.series.map((series) => new Map(series.t.map((at, i) => [at, series.v[i] ?? null])))
  return (
    <div className={styles.tablePart}>
      <h3>
        {panel.label} <small>{panel.unit}</small>
      </h3>
      <p className={styles.summary}>{summary(panel, zone, now_ms)}</p>
      <div className={styles.scroll} role="region" aria-label={`${panel.label} as table`} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Measured</th>
              {panel.series.map((series) => (
                <th scope="col" key={`${series.device} ${series.component ?? ''}`}>{seriesName(series, panel) || 'Value'}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {times.slice(0, rows_max).map((at) => (
              <tr key={at}>
                <th scope="row">{timeText(at, zone, now_ms, clockSecondsText)}</th>
                {values.map((map, i) => {
                  const value = map.get(at)
                  const struck = wrong[i]?.get(at)
                  return (
                    <td key={i}>
                      {value !== undefined && (value === null ? 'no number' : numberText(value))}
                      {struck !== undefined && <><s>{numberText(struck)}</s> marked as wrong</>}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {times.length > rows_max && <p className={styles.summary}>The newest {rows_max} of {times.length}.</p>}
    </div>
  )
}
