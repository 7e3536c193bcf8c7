import { FlaskConical } from 'lucide-react'
import styles from './Banner.module.css'

export function SimulatedBanner() {
  return (
    <aside className={styles.simulated} data-testid="simulated-banner" aria-label="Notice">
      <FlaskConical size={14} aria-hidden />
      <span>
        <strong>Simulated patients</strong>
        <span className={styles.aside}> Nobody on this page is a real person.</span>
      </span>
    </aside>
  )
}
