import { useTicking } from '../../live/hooks'
import { Big } from './Big'
import styles from './Claim.module.css'
import type { Step } from './machine'
import { Screen } from './Screen'
import { refusalWords } from './words'

interface Props {
  step: Extract<Step, { at: 'refused' }>
  onResume: (device: string) => void
  home: string
  onAgain: () => void
}

/** The code does not work: why, and what to do. */
export function Refused({ step, onResume, home, onAgain }: Props) {
  const { own } = step
  const { title, does, again } = refusalWords[step.why]
  const left_s = useTicking((ms) => Math.max(0, Math.ceil((step.until_ms - ms) / 1000)))
  return (
    <Screen title={title} drawing={step.why === 'other-patient' ? 'box' : 'card'}>
      <ul className={styles.does}>{(own === null ? does : ownWords).map((each) => <li key={each}>{each}</li>)}</ul>
      {left_s > 0 && <p className={styles.left} role="timer">You can go on in <strong>{waitText(left_s)}</strong>.</p>}
      {own !== null && <Big onClick={() => { onResume(own) }}>Go on with the device I added</Big>}
      <Big quiet={step.why !== 'wrong-code' && step.why !== 'slow-down'} disabled={left_s > 0} onClick={onAgain}>{again}</Big>
      <Big quiet href={home}>Back to my page</Big>
    </Screen>
  )
}

const ownWords = ['You added this device with it already.', 'If its first reading is still missing, you can go on.']

function waitText(left_s: number): string {
  if (left_s < 60) return left_s === 1 ? '1 second' : `${String(left_s)} seconds`
  const minutes = Math.ceil(left_s / 60)
  return minutes === 1 ? '1 minute' : `${String(minutes)} minutes`
}
