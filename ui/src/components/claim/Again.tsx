import { Big } from './Big'
import styles from './Claim.module.css'
import { Screen } from './Screen'

export function Again({ picture, problem, onStop }: { picture: string | null; problem: string | null; onStop: () => void }) {
  return (
    <Screen title="Please measure once more" drawing={picture}>
      <p>We got two readings shortly after each other and cannot tell which one is yours.</p>
      <ol className={styles.steps}>
        <li>Make sure that nobody else uses this device now.</li>
        <li>Take one more reading yourself.</li>
      </ol>
      <p className={styles.listening}>
        <span className={styles.dot} aria-hidden />
        Waiting for your new reading.
      </p>
      <p className={styles.problem} role="status">{problem}</p>
      <Big quiet onClick={onStop}>Stop adding this device</Big>
    </Screen>
  )
}
