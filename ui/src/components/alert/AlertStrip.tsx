import type { Alert } from '../../api/types'
import { AlertCard } from './AlertCard'
import styles from './AlertStrip.module.css'

/** What is open about this patient, worst first as the server ordered it. */
export function AlertStrip({ alerts, zone }: { alerts: Alert[]; zone: string }) {
  if (alerts.length === 0) return <p className={styles.none}>No open alerts.</p>
  return (
    <section className={styles.strip} aria-label="Open alerts">
      {alerts.map((alert) => (
        <AlertCard key={alert.id} alert={alert} zone={zone} />
      ))}
    </section>
  )
}
