import type { Alert } from '../../api/types'
import { right_px, y_axis_px } from './chart'
import { stack } from './lanes'
import styles from './Trends.module.css'

interface Props {
  alerts: Alert[]
  from_ms: number
  to_ms: number
}

/** When alerts were active, on the time axis of the charts; the list below says the same in words. */
export function AlertLane({ alerts, from_ms, to_ms }: Props) {
  const bars = stack(alerts, from_ms, to_ms)
  if (bars.length === 0) return null
  const lanes = Math.max(...bars.map((bar) => bar.lane)) + 1
  const percent = (ms: number) => (100 * (ms - from_ms)) / (to_ms - from_ms)
  return (
    <div className={styles.lane} aria-hidden>
      <span className={styles.laneName}>Alerts</span>
      <div className={styles.bars} style={{ marginLeft: y_axis_px, marginRight: right_px, height: lanes * 9 }}>
        {bars.map(({ alert, start_ms, end_ms, lane }) => (
          <span
            key={alert.id}
            className={styles.bar}
            title={alert.title}
            data-priority={alert.priority}
            style={{ left: `${String(percent(start_ms))}%`, width: `${String(percent(end_ms) - percent(start_ms))}%`, top: lane * 9 }}
          />
        ))}
      </div>
    </div>
  )
}
