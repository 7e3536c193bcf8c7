import type { AlertUpdate } from '../../api/types'
import { unitText, valueText } from '../../format/format'
import { ZonedTime } from '../ZonedTime'
import styles from './AlertParts.module.css'
import { metricText } from './metricText'

interface Props {
  updates: AlertUpdate[]
  zone: string
  onRaw: (observation: string) => void
}

const changeWord: Record<AlertUpdate['change'], string> = {
  opened: 'Opened',
  amended: 'Amended',
  cleared: 'Cleared',
  retracted: 'Withdrawn',
  revived: 'Raised again',
}

/** Every turn the alert took, and which reading made it. */
export function AlertChanges({ updates, zone, onRaw }: Props) {
  if (updates.length === 0) return <p className={styles.none}>Nothing since it opened.</p>
  return (
    <ol className={styles.changes}>
      {updates.map(({ at, change, because }) => (
        <li key={`${at} ${change}`}>
          <strong>{changeWord[change]}</strong> <ZonedTime at={at} zone={zone} />
          {because !== null && (
            <p>
              because of{' '}
              <button type="button" className={styles.link} onClick={() => { onRaw(because.observation) }}>
                {metricText(because.metric)} {valueText(because.metric, because.value)} {unitText(because.unit)}
              </button>
              , measured <ZonedTime at={because.measured_at} zone={zone} />
            </p>
          )}
        </li>
      ))}
    </ol>
  )
}
