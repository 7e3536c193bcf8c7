import { Button } from '@mantine/core'
import { Check } from 'lucide-react'
import { ApiError } from '../../api/client'
import { useAcknowledge } from '../../api/queries'
import type { Alert } from '../../api/types'
import { fullTimeText, timeText } from '../../format/format'
import { useTicking } from '../../live/hooks'
import { useSignedIn } from '../shell/useSignedIn'
import styles from './Acknowledge.module.css'

/** The button before, the name and time after; when somebody else was first, theirs. */
export function Acknowledge({ alert, zone }: { alert: Alert; zone: string }) {
  const me = useSignedIn()
  const acknowledge = useAcknowledge()
  const { error } = acknowledge
  const first = error instanceof ApiError && error.status === 409 ? error : null
  const by = alert.acknowledged_by ?? first?.by ?? null
  const at = alert.acknowledged_at ?? first?.at ?? null
  const when = useTicking((ms) => (at === null ? '' : timeText(at, zone, ms)))

  if (by !== null) {
    return (
      <span className={styles.done} data-testid={`ack-by-${alert.id}`} title={at === null ? undefined : fullTimeText(at, zone)}>
        <Check size={15} aria-hidden />
        <span>
          {first === null ? 'Acknowledged by ' : 'Already acknowledged by '}
          <strong>{by}</strong> {when !== '' && `at ${when}`}
        </span>
      </span>
    )
  }
  if (me.role !== 'clinician') return <span className={styles.open}>Not acknowledged</span>
  return (
    <span className={styles.action}>
      <Button
        size="sm"
        className={styles.button}
        data-testid={`acknowledge-${alert.id}`}
        aria-label={`Acknowledge: ${alert.title}`}
        loading={acknowledge.isPending}
        onClick={() => { acknowledge.mutate(alert.id) }}
      >
        Acknowledge
      </Button>
      {error !== null && <span role="status" className={styles.error}>{error.message}</span>}
    </span>
  )
}
