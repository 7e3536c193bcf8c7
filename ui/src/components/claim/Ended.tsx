import type { Candidate } from '../../api/deviceTypes'
import { unitText } from '../../format/format'
import { ZonedTime } from '../ZonedTime'
import { Big } from './Big'
import styles from './Claim.module.css'
import type { Step } from './machine'
import { Screen } from './Screen'
import { nameInside } from './words'

interface Props {
  step: Extract<Step, { at: 'done' | 'stopped' | 'gone' }>
  picture: string | null
  zone: string
  home: string
  onRestart: () => void
}

/** The claim is over: added, stopped, or not there any more. */
export function Ended({ step, picture, zone, home, onRestart }: Props) {
  if (step.at === 'done') {
    return (
      <Screen title="Done. Your device is added." drawing={picture}>
        {step.reading !== null && <First reading={step.reading} zone={zone} />}
        <p>From now on, take your readings as your care team told you. They arrive by themselves.</p>
        <Big href={home}>See my readings</Big>
        <Big quiet onClick={onRestart}>Add another device</Big>
      </Screen>
    )
  }
  return (
    <Screen title={step.at === 'stopped' ? 'The device was not added' : 'There is nothing to go on with'} drawing={picture}>
      <p>
        {step.at === 'stopped'
          ? `Nothing of your ${nameInside(picture)} is on your page. To add it later, ask your care team for a new code.`
          : 'This device is not being added any more. To add it, ask your care team for a new code.'}
      </p>
      <Big href={home}>Back to my page</Big>
      <Big quiet onClick={onRestart}>Add another device</Big>
    </Screen>
  )
}

function First({ reading, zone }: { reading: Candidate; zone: string }) {
  return (
    <p className={styles.value}>
      <span>Your first reading is on your page</span>
      <strong>{reading.text}</strong>
      <span>{unitText(reading.unit)} at <ZonedTime at={reading.measured_at} zone={zone} /></span>
    </p>
  )
}
