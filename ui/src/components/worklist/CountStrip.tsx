import type { Priority } from '../../api/types'
import { priorityWord } from '../../format/format'
import { useLive } from '../../live/hooks'
import { PriorityMark } from '../PriorityMark'
import styles from './CountStrip.module.css'

const priorities: Priority[] = ['high', 'medium', 'low', 'technical']

/** Open alerts by priority, then how many patients they come from. */
export function CountStrip() {
  const counts = useLive((state) => state.counts)
  return (
    <dl className={styles.strip}>
      {priorities.map((priority) => (
        <div key={priority} data-none={counts[priority] === 0}>
          <dt>
            {counts[priority] === 0 ? <span className={styles.word}>{priorityWord[priority]}</span> : <PriorityMark priority={priority} />}
          </dt>
          <dd data-testid={`count-${priority}`}>{counts[priority]}</dd>
        </div>
      ))}
      <div className={styles.apart} data-none={counts.no_data === 0}>
        <dt><span className={styles.word}>No data</span></dt>
        <dd data-testid="count-no-data">{counts.no_data}</dd>
      </div>
      <div>
        <dt><span className={styles.word}>Patients</span></dt>
        <dd data-testid="count-patients">{counts.patients}</dd>
      </div>
    </dl>
  )
}
