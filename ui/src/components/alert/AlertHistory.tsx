import { Link } from 'wouter'
import type { Alert } from '../../api/types'
import { Section } from '../Section'
import { PriorityMark } from '../PriorityMark'
import { ZonedTime } from '../ZonedTime'
import styles from './AlertHistory.module.css'
import { outcomeWord } from './outcomes'

export function AlertHistory({ alerts, zone }: { alerts: Alert[]; zone: string }) {
  return (
    <Section title="Alerts">
      {alerts.length === 0 && <p className={styles.none}>No alert has been raised.</p>}
      <ul className={styles.list}>
        {alerts.map((alert) => (
          <li key={alert.id}>
            <Link href={`/alerts/${encodeURIComponent(alert.id)}`} className={styles.alert}>
              <PriorityMark priority={alert.priority} quiet />
              <span>
                <strong>{alert.title}</strong>
                <small>
                  <ZonedTime at={alert.opened_at} zone={zone} />
                  {alert.cleared_at !== null && <> to <ZonedTime at={alert.cleared_at} zone={zone} /></>}
                  {alert.acknowledged_by !== null && `, acknowledged by ${alert.acknowledged_by}`}
                  {alert.outcome && `, closed as ${outcomeWord[alert.outcome.outcome]}`}
                </small>
              </span>
              <span className={styles.condition}>{alert.condition}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  )
}
