import { Link } from 'wouter'
import type { Alert } from '../../api/types'
import { fullTimeText, sinceText, timeText } from '../../format/format'
import { useTicking } from '../../live/hooks'
import { PriorityMark } from '../PriorityMark'
import { Acknowledge } from './Acknowledge'
import styles from './AlertCard.module.css'

export function AlertCard({ alert, zone }: { alert: Alert; zone: string }) {
  const open = alert.acknowledged_by === null
  const opened = useTicking((ms) => `${timeText(alert.opened_at, zone, ms)}, ${sinceText((ms - Date.parse(alert.opened_at)) / 1000)}`)
  return (
    <article className={styles.card} data-priority={alert.priority} data-open={open} data-testid={`alert-${alert.id}`}>
      <div className={styles.mark}>
        <PriorityMark priority={alert.priority} flashing={open && alert.condition === 'active'} quiet={!open} />
      </div>
      <div className={styles.text}>
        <h2>
          <Link href={`/alerts/${encodeURIComponent(alert.id)}`}>{alert.title}</Link>
        </h2>
        <p>{alert.explanation}</p>
        <p className={styles.when}>
          Opened <time dateTime={alert.opened_at} title={fullTimeText(alert.opened_at, zone)}>{opened}</time>
          {alert.condition === 'cleared' && <span>Values are back inside the limit</span>}
          {alert.late && <span>Arrived late</span>}
        </p>
      </div>
      <div className={styles.act}>
        <Acknowledge alert={alert} zone={zone} />
      </div>
    </article>
  )
}
