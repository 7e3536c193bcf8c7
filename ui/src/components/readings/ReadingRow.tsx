import { Braces } from 'lucide-react'
import { memo } from 'react'
import type { StoredReading } from '../../api/types'
import { IconButton } from '../IconButton'
import { ZonedTime } from '../ZonedTime'
import { marks, readingText, sourceText, wrongWord } from './readingText'
import styles from './Readings.module.css'

interface Props {
  reading: StoredReading
  zone: string
  onRaw: (observation: string) => void
  /** Null for those who may only read. */
  onWrong: ((reading: StoredReading) => void) | null
}

/** One reading; a wrong one is struck through and stays readable, with who said so. */
export const ReadingRow = memo(function ReadingRow({ reading, zone, onRaw, onWrong }: Props) {
  const { wrong } = reading
  const isOut = reading.status === 'entered-in-error'
  const value = readingText(reading)
  const name = `${reading.label} ${value}`
  return (
    <tr role="row" className={styles.row} data-wrong={isOut} data-testid={`reading-${reading.observation}`}>
      <td role="cell" className={styles.when}><ZonedTime at={reading.measured_at} zone={zone} /></td>
      <td role="cell" className={styles.what}>{reading.label}</td>
      <td role="cell" className={styles.value}>
        {isOut ? <s><span className="sr-only">wrong: </span>{value}</s> : value}
      </td>
      <td role="cell" className={styles.from}>{sourceText(reading)}</td>
      <td role="cell" className={styles.marks}>
        {wrong !== null && (
          <span className={styles.wrong}>
            Marked as wrong: {wrongWord[wrong.reason]}. <strong>{wrong.by}</strong>, <ZonedTime at={wrong.at} zone={zone} />
            {wrong.note !== null && wrong.note !== '' && <q>{wrong.note}</q>}
          </span>
        )}
        {marks(reading).join(', ')}
      </td>
      <td role="cell" className={styles.actions}>
        {!isOut && onWrong !== null && (
          <button type="button" className={styles.action} aria-label={`Mark as wrong: ${name}`} onClick={() => { onWrong(reading) }}>
            Mark as wrong…
          </button>
        )}
        <IconButton className={styles.raw} label={`${name}: FHIR resource`} onClick={() => { onRaw(reading.observation) }}>
          <Braces size={14} aria-hidden />
        </IconButton>
      </td>
    </tr>
  )
})
