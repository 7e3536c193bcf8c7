import type { Candidate } from '../../api/deviceTypes'
import { timeText, unitText } from '../../format/format'
import { now_ms } from '../../live/store'
import { ZonedTime } from '../ZonedTime'
import { Big } from './Big'
import styles from './Claim.module.css'
import { Screen } from './Screen'
import type { Claiming } from './useClaim'

interface Props extends Claiming {
  reading: Candidate
  zone: string
}

export function Asked({ reading, zone, state, answer }: Props) {
  return (
    <Screen title={`We got ${reading.text} at ${timeText(reading.measured_at, zone, now_ms())}`}>
      <p className={styles.value}>
        <span>{reading.label}</span>
        <strong data-testid="candidate">{reading.text}</strong>
        <span>{unitText(reading.unit)} at <ZonedTime at={reading.measured_at} zone={zone} /></span>
      </p>
      <p className={styles.question}>Is this yours?</p>
      <p className={styles.problem} role="status">{state.problem}</p>
      <Big busy={state.busy} onClick={() => { answer(reading.reading, true) }}>Yes, this is mine</Big>
      <Big quiet disabled={state.busy} onClick={() => { answer(reading.reading, false) }}>No, this is not mine</Big>
    </Screen>
  )
}
