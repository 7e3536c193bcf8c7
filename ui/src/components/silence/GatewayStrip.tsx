import { ServerOff } from 'lucide-react'
import { Link } from 'wouter'
import type { SilentGateway } from '../../api/types'
import { screenZone } from '../../format/format'
import { Acknowledge } from '../alert/Acknowledge'
import { PriorityMark } from '../PriorityMark'
import { ZonedTime } from '../ZonedTime'
import styles from './Silence.module.css'

interface Props {
  gateways: readonly SilentGateway[]
  /** vitalstream itself takes nothing in, which explains every other silence. */
  isBlind: boolean
}

/** What silences many patients at once, said once. */
export function GatewayStrip({ gateways, isBlind }: Props) {
  if (gateways.length === 0 && !isBlind) return null
  return (
    <section className={styles.strip} aria-label="Silent for many patients" data-testid="silent-gateways">
      {isBlind && (
        <div className={styles.gateway} data-testid="silent-pipeline">
          <ServerOff size={18} aria-hidden />
          <p>
            <strong>vitalstream is not taking readings in.</strong> Values are as old as their ages say. Tell whoever runs this server.
          </p>
        </div>
      )}
      {gateways.map((silent) => <Gateway key={silent.gateway} silent={silent} />)}
    </section>
  )
}

function Gateway({ silent: { gateway, seen_at, alert } }: { silent: SilentGateway }) {
  const zone = screenZone()
  const open = alert !== null && alert.acknowledged_by === null
  return (
    <div className={styles.gateway} data-testid={`gateway-${gateway}`}>
      <PriorityMark priority="technical" flashing={open} quiet={alert !== null && !open} />
      <p>
        <strong>
          {alert === null ? `Gateway ${gateway} is silent` : <Link href={`/alerts/${encodeURIComponent(alert.id)}`}>Gateway {gateway} is silent</Link>}
        </strong>
        {seen_at !== null && <> since <ZonedTime at={seen_at} zone={zone} /> ({zone})</>}. Check its power and its network.
      </p>
      {alert !== null && <Acknowledge alert={alert} zone={zone} />}
    </div>
  )
}
