import { Button } from '@mantine/core'
import { useState } from 'react'
import { ApiError } from '../../api/client'
import { useAcknowledge, useCloseAlert } from '../../api/writes'
import type { Alert } from '../../api/types'
import { useSignedIn } from '../shell/useSignedIn'
import { Act } from './Act'
import styles from './Acknowledge.module.css'
import { CloseDialog } from './CloseDialog'
import { outcomeWord } from './outcomes'

const taken = (error: Error | null) => (error instanceof ApiError && error.status === 409 ? error : null)

/** The buttons before; names, times and the outcome after; when somebody else was first, theirs. */
export function Acknowledge({ alert, zone }: { alert: Alert; zone: string }) {
  const me = useSignedIn()
  const acknowledge = useAcknowledge()
  const close = useCloseAlert()
  const [asking, setAsking] = useState(false)
  const first = taken(acknowledge.error)
  const firstToClose = taken(close.error)
  const by = alert.acknowledged_by ?? first?.by ?? null
  const { outcome } = alert
  const isClosed = Boolean(outcome) || firstToClose !== null
  const mayAct = me.role === 'clinician'
  const failed = first === null ? acknowledge.error : null
  const stopAsking = () => {
    close.reset()
    setAsking(false)
  }

  return (
    <div className={styles.acts}>
      {by !== null && (
        <Act
          testid={`ack-by-${alert.id}`}
          said={first === null ? 'Acknowledged by' : 'Already acknowledged by'}
          by={by}
          at={alert.acknowledged_at ?? first?.at ?? null}
          zone={zone}
        />
      )}
      {outcome && (
        <Act
          testid={`outcome-by-${alert.id}`}
          said={firstToClose === null ? `Closed as ${outcomeWord[outcome.outcome]} by` : `Already closed as ${outcomeWord[outcome.outcome]} by`}
          by={outcome.by}
          at={outcome.at}
          zone={zone}
          note={outcome.note}
        />
      )}
      {!outcome && firstToClose !== null && (
        <Act testid={`outcome-by-${alert.id}`} said="Already closed by" by={firstToClose.by ?? 'somebody else'} at={firstToClose.at} zone={zone} />
      )}
      {!mayAct && by === null && !isClosed && <span className={styles.open}>Not acknowledged</span>}
      {mayAct && !isClosed && (
        <div className={styles.buttons}>
          {by === null && (
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
          )}
          <Button
            size="sm"
            variant="default"
            className={styles.button}
            data-testid={`close-${alert.id}`}
            data-close-alert
            aria-label={`${by === null ? 'Acknowledge and close' : 'Close'}: ${alert.title}`}
            onClick={() => { setAsking(true) }}
          >
            {by === null ? 'Acknowledge and close…' : 'Close…'}
          </Button>
        </div>
      )}
      {failed !== null && <span role="status" className={styles.error}>{failed.message}</span>}
      {asking && (
        <CloseDialog
          alert={alert}
          pending={close.isPending}
          problem={close.error?.message}
          onClose={stopAsking}
          onChosen={(chosen, note) => {
            close.mutate({ id: alert.id, outcome: chosen, note }, {
              onSuccess: () => { setAsking(false) },
              onError: (error) => { if (taken(error) !== null) setAsking(false) },
            })
          }}
        />
      )}
    </div>
  )
}
