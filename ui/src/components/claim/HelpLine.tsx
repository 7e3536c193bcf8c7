import { Phone } from 'lucide-react'
import styles from './Claim.module.css'

/** In the same place on every step. */
export function HelpLine() {
  return (
    <p className={styles.help} data-testid="help-line">
      <Phone size={22} aria-hidden />
      <span>
        <strong>Stuck? Call your care team.</strong> The number is on the letter that came with the device. They can see which step you are at.
      </span>
    </p>
  )
}
