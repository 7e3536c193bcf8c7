import type { Transport } from '../../api/deviceTypes'
import { Big } from './Big'
import styles from './Claim.module.css'
import { Drawing } from './Drawing'
import type { Step } from './machine'
import { Screen } from './Screen'
import { checks, troubleDrawings, troubleTitles } from './words'

interface Props {
  step: Extract<Step, { at: 'trouble' }>
  transport: Transport
  problem: string | null
  onStop: () => void
}

/** Why nothing came: in the server's words where it knows, else three things to look at. */
export function Trouble({ step, transport, problem, onStop }: Props) {
  const drawing = troubleDrawings[step.code]
  return (
    <Screen title={troubleTitles[step.code]} {...(drawing === null ? {} : { drawing })}>
      {drawing === null ? <Checks of={transport} /> : <p>{step.text}</p>}
      <p className={styles.listening}>
        <span className={styles.dot} aria-hidden />
        We are still waiting. When a reading comes, this page goes on by itself.
      </p>
      <p className={styles.problem} role="status">{problem}</p>
      <Big quiet onClick={onStop}>Stop adding this device</Big>
    </Screen>
  )
}

function Checks({ of }: { of: Transport }) {
  return (
    <ul className={styles.checks}>
      {checks[of].map(({ drawing, text }) => (
        <li key={drawing}>
          <Drawing of={drawing} size={60} />
          <span>{text}</span>
        </li>
      ))}
    </ul>
  )
}
