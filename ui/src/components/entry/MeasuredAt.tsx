import { SegmentedControl } from '@mantine/core'
import { useId } from 'react'
import { wallTime } from '../../format/zoned'
import { now_ms } from '../../live/store'
import styles from './Entry.module.css'

interface Props {
  zone: string
  /** A wall time in the zone; null means now. */
  value: string | null
  onChange: (value: string | null) => void
  problem: string | undefined
}

/** When it was measured: now, unless somebody says otherwise. */
export function MeasuredAt({ zone, value, onChange, problem }: Props) {
  const id = useId()
  return (
    <div className={styles.time}>
      <div>
        <span className={styles.timeLabel} id={`${id}-label`}>Measured</span>
        <SegmentedControl
          aria-labelledby={`${id}-label`}
          transitionDuration={0}
          data={[{ value: 'now', label: 'Now' }, { value: 'earlier', label: 'Earlier' }]}
          value={value === null ? 'now' : 'earlier'}
          onChange={(chosen) => { onChange(chosen === 'now' ? null : wallTime(now_ms(), zone)) }}
        />
      </div>
      {value !== null && (
        <div>
          <label htmlFor={id} className={styles.wallLabel}>Time in {zone}</label>
          <input
            id={id}
            type="datetime-local"
            required
            value={value}
            max={wallTime(now_ms(), zone)}
            aria-describedby={`${id}-problem`}
            onChange={(event) => { onChange(event.currentTarget.value) }}
          />
        </div>
      )}
      <p id={`${id}-problem`} className={styles.sentence} data-problem role="status">{problem}</p>
    </div>
  )
}
