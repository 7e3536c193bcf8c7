import type { Transport } from '../../api/deviceTypes'
import { Big } from './Big'
import styles from './Claim.module.css'
import { Screen } from './Screen'
import { deviceWords } from './words'

interface Props {
  picture: string | null
  transport: Transport
  /** A reading has just been said to be somebody else's. */
  aside: boolean
  problem: string | null
  onStop: () => void
}

export function Waiting({ picture, transport, aside, problem, onStop }: Props) {
  const words = deviceWords(picture)
  return (
    <Screen title={words.now} drawing={picture}>
      {aside && <p className={styles.note}>We put that reading aside. It will not be on your page. Now please take your own.</p>}
      <ol className={styles.steps}>{words.steps.map((each) => <li key={each}>{each}</li>)}</ol>
      <p className={styles.listening}>
        <span className={styles.dot} aria-hidden />
        Waiting for your reading. {transport === 'ble' ? 'Please stay in the room with the box that was plugged in.' : 'It can take a minute.'}
      </p>
      <p className={styles.aside}>You can put the phone down: this page goes on by itself.</p>
      <p className={styles.problem} role="status">{problem}</p>
      <Big quiet onClick={onStop}>Stop adding this device</Big>
    </Screen>
  )
}
