import { TriangleAlert } from 'lucide-react'
import { Button } from '@mantine/core'
import { Link } from 'wouter'
import type { FleetDevice } from '../../api/deviceTypes'
import { ageText, screenZone } from '../../format/format'
import { useLive, useTicking } from '../../live/hooks'
import { useSignedIn } from '../shell/useSignedIn'
import { LastHeard } from '../worklist/LastHeard'
import styles from './Devices.module.css'
import { can, deviceName, signalWords, stateWords, stuckWords } from './states'

export type DeviceAct = 'kit' | 'code' | 'return'

// Two days of a cuff, an evening of an oximeter: time to ask for new batteries.
const battery_low_percent = 20

interface Props {
  device: FleetDevice
  onAct: (act: DeviceAct) => void
}

export function DeviceRow({ device, onAct }: Props) {
  const me = useSignedIn()
  const { state, patient, stuck, battery_percent: battery, signal, gateway } = device
  const person = useLive((live) => (patient === null ? null : live.rows.get(patient)?.name ?? patient))
  return (
    <tr role="row" data-testid={`device-${device.id}`} data-state={state}>
      <th role="rowheader" scope="row">
        <strong>{deviceName(device)}</strong>
        <span className={styles.second}>
          {device.id}{device.serial !== null && `, serial ${device.serial}`}{device.firmware !== null && `, firmware ${device.firmware}`}
        </span>
      </th>
      <td role="cell" data-label="State">
        <span>
          {stateWords[state]}
          <span className={styles.second}><Since at={device.state_since} /></span>
          {stuck !== null && (
            <span className={styles.stuck}>
              <TriangleAlert size={15} aria-hidden />
              <span>{stuckWords[stuck.step] ?? stuck.step} <Since at={stuck.since} /></span>
            </span>
          )}
        </span>
      </td>
      <td role="cell" data-label="Patient">{patient === null ? <span className={styles.none}>nobody</span> : <Link href={`/patients/${encodeURIComponent(patient)}`}>{person}</Link>}</td>
      <td role="cell" data-label="Battery">
        {battery === null ? <span className={styles.none}>unknown</span> : (
          <span>
            {battery} %
            {battery < battery_low_percent && <span className={styles.low}>low</span>}
          </span>
        )}
      </td>
      <td role="cell" data-label="Last seen">
        <span>
          <LastHeard at={device.last_received_at} zone={screenZone()} />
          {device.online === false && <span className={styles.second}>offline</span>}
        </span>
      </td>
      <td role="cell" data-label="Signal">
        <span>
          {signal === null
            ? <span className={styles.none}>{device.transport === 'ble' ? 'unknown' : 'by network'}</span>
            : <span title={device.signal_dbm === null ? undefined : `${String(device.signal_dbm)} dBm`}>{signalWords[signal]}</span>}
          {gateway !== null && <span className={styles.second}>{gateway}</span>}
        </span>
      </td>
      <td role="cell" className={styles.acts}>
        {can.kit(state) && <Button variant={can.code(state) ? 'default' : 'light'} aria-label={`Pack for a patient: ${device.id}`} onClick={() => { onAct('kit') }}>Pack</Button>}
        {can.code(state) && <Button variant="light" aria-label={`Show code: ${device.id}`} onClick={() => { onAct('code') }}>Show code</Button>}
        {can.claim(state) && patient !== null && me.role === 'clinician' && (
          <Button variant="light" component={Link} href={`/claim/${encodeURIComponent(device.id)}?patient=${encodeURIComponent(patient)}`} aria-label={`Go on with the first reading: ${device.id}`}>First reading</Button>
        )}
        {can.takeBack(state) && <Button variant="default" aria-label={`Take back: ${device.id}`} onClick={() => { onAct('return') }}>Take back</Button>}
      </td>
    </tr>
  )
}

/** "for 12 min" */
function Since({ at }: { at: string }) {
  return <>{useTicking((ms) => `for ${spanText((ms - Date.parse(at)) / 1000)}`)}</>
}

function spanText(age_s: number): string {
  return age_s < 60 ? 'less than a minute' : ageText(age_s)
}
