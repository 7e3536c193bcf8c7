import { Check } from 'lucide-react'
import { fullTimeText, timeText } from '../../format/format'
import { useTicking } from '../../live/hooks'
import styles from './Acknowledge.module.css'

interface Props {
  testid: string
  said: string
  by: string
  at: string | null
  zone: string
  note?: string | null
}

/** What somebody did about an alert, by name and time. */
export function Act({ testid, said, by, at, zone, note = null }: Props) {
  const when = useTicking((ms) => (at === null ? '' : `at ${timeText(at, zone, ms)}`))
  return (
    <span className={styles.done} data-testid={testid} title={at === null ? undefined : fullTimeText(at, zone)}>
      <Check size={15} aria-hidden />
      <span>
        {said} <strong>{by}</strong> {when}
        {note !== null && note !== '' && <q className={styles.note}>{note}</q>}
      </span>
    </span>
  )
}
