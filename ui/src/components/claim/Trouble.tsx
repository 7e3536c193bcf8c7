import type { Transport } from '../../api/deviceTypes'
import { Big } from './Big'
import styles from './Claim.module.css'
import { Drawing } from './Drawing'
import type { Step } from './machine'
import { Screen } from './Screen'
import { checks, troubleTitles } from './words'

interface Props {
  step: Extract<Step, { at: 'trouble' }>
  transport: Transport
  problem: string | null
  onStop: () => void
}

/** Why nothing came, in the server's words, and three things to look at. */
export function Trouble({ step, transport, problem, onStop }: Props) {
  return (
    <Screen title={troubleTitles[step.code]}>
      <p className={styles.said}>{step.text}</p>
      <ul className={styles.checks}>
        {checks[transport].map(({ drawing, text }) => (
          <li key={drawing}>
            <Drawing of={drawing} size={60} />
            <span>{text}</span>
          </li>
        ))}
      </ul>
      <p className={styles.listening}>
        <span className={styles.dot} aria-hidden />
        We are still waiting. When a reading comes, this page goes on by itself.
      </p>
      <p className={styles.problem} role="status">{problem}</p>
      <Big quiet onClick={onStop}>Stop adding this device</Big>
    </Screen>
  )
}
