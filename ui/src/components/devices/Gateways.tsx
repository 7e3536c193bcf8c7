import { useGateways } from '../../api/devices'
import { countText, screenZone } from '../../format/format'
import { LastHeard } from '../worklist/LastHeard'
import styles from './Devices.module.css'

/** The radios and endpoints that the devices are heard through. */
export function Gateways() {
  const { data } = useGateways()
  if (data === undefined || data.length === 0) return null
  return (
    <ul className={styles.gateways} aria-label="Gateways">
      {data.map(({ gateway, online, seen_at, devices }) => (
        <li key={gateway} data-testid={`fleet-gateway-${gateway}`} data-online={online}>
          <strong>{gateway}</strong>
          <span>{online ? 'online' : <>silent, seen <LastHeard at={seen_at} zone={screenZone()} /></>}, {countText(devices, 'device')}</span>
        </li>
      ))}
    </ul>
  )
}
