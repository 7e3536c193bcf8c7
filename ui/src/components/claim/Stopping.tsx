import { Big } from './Big'
import styles from './Claim.module.css'
import { Screen } from './Screen'
import type { Claiming } from './useClaim'

export function Stopping({ state, tell, cancel }: Claiming) {
  return (
    <Screen title="Do you want to stop?" drawing={state.device?.picture ?? null}>
      <p>Your device will not be added, and its code is used up. To add it later you need a new code from your care team.</p>
      <p>If you only need a break, close this page. You can go on where you were.</p>
      <p className={styles.problem} role="status">{state.problem}</p>
      <Big onClick={() => { tell({ type: 'stop', sure: false }) }}>No, go on</Big>
      <Big quiet busy={state.busy} onClick={cancel}>Yes, stop</Big>
    </Screen>
  )
}
