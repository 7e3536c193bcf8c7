import { Big } from './Big'
import styles from './Claim.module.css'
import type { Step } from './machine'
import { Screen } from './Screen'
import type { Claiming } from './useClaim'
import { deviceWords, nameInside } from './words'

/** A code in a link proves nothing: its holder compares code and device with what lies on the table. */
export function Box({ step: { code, device }, state, tell, claim }: Claiming & { step: Extract<Step, { at: 'box' }> }) {
  const model = [device.maker, device.model].filter(Boolean).join(' ')
  const isOther = state.picture !== null && device.picture !== null && state.picture !== device.picture
  return (
    <Screen title="Is this what you have in front of you?" drawing={device.picture}>
      <dl className={styles.facts}>
        <div>
          <dt>Device</dt>
          <dd>{deviceWords(device.picture).name}</dd>
        </div>
        {model !== '' && (
          <div>
            <dt>Name on it</dt>
            <dd>{model}</dd>
          </div>
        )}
        {device.serial_end !== null && (
          <div>
            <dt>Its number ends with</dt>
            <dd>{device.serial_end}</dd>
          </div>
        )}
        <div>
          <dt>Your code</dt>
          <dd className={styles.sample}>{code}</dd>
        </div>
      </dl>
      {isOther && <p className={styles.note}>You chose a {nameInside(state.picture)}. The card may be from another box: please compare.</p>}
      {state.problem !== null && <p className={styles.problem} role="status">{state.problem}</p>}
      <Big busy={state.busy} onClick={() => { claim(code, device.id) }}>Yes, this is it</Big>
      <Big quiet disabled={state.busy} onClick={() => { tell({ type: 'back' }) }}>No, it is another one</Big>
    </Screen>
  )
}
