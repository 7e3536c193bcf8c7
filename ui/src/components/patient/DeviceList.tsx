import { Button } from '@mantine/core'
import { Plus } from 'lucide-react'
import { Link } from 'wouter'
import type { Device } from '../../api/types'
import { timeText } from '../../format/format'
import { useTicking } from '../../live/hooks'
import { Section } from '../Section'
import { LastHeard } from '../worklist/LastHeard'
import styles from './DeviceList.module.css'

const lineWord = new Map([[true, 'online'], [false, 'offline']])

interface Props {
  devices: Device[]
  zone: string
  /** Where a device is added; null for those who may not. */
  addAt: string | null
}

export function DeviceList({ devices, zone, addAt }: Props) {
  const add = addAt !== null && (
    <Button component={Link} href={addAt} variant="default" className={styles.add} leftSection={<Plus size={16} aria-hidden />}>Add a device</Button>
  )
  return (
    <Section title="Devices" aside={add}>
      {devices.length === 0 && <p className={styles.none}>No device is bound to this patient.</p>}
      <ul>
        {devices.map((device) => (
          <li key={device.id} className={styles.device}>
            <div>
              <strong>{device.model ?? 'Unknown model'}</strong>
              <span className={styles.id}>{device.id}</span>
            </div>
            <dl>
              <div>
                <dt>Heard</dt>
                <dd><LastHeard at={device.last_received_at} zone={zone} /></dd>
              </div>
              <div>
                <dt>Connection</dt>
                <dd>{device.online === null ? 'unknown' : lineWord.get(device.online)}</dd>
              </div>
              <div>
                <dt>Battery</dt>
                <dd>{device.battery_percent === null ? 'unknown' : `${String(device.battery_percent)} %`}</dd>
              </div>
              <div>
                <dt>Bound since</dt>
                <dd><BoundSince at={device.bound_since} zone={zone} /></dd>
              </div>
            </dl>
          </li>
        ))}
      </ul>
    </Section>
  )
}

function BoundSince({ at, zone }: { at: string; zone: string }) {
  return <>{useTicking((ms) => timeText(at, zone, ms))}</>
}
