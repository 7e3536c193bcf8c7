import { ArrowDown, ArrowUp, CircleHelp, Clock } from 'lucide-react'
import type { Tile } from '../api/types'
import { fullTimeText, unitText } from '../format/format'
import { useFreshness } from '../live/hooks'
import styles from './Measured.module.css'

interface Props {
  tile: Tile
  zone: string
  /** Tiles on the patient page show the unit beside the value; the worklist has it in its heading. */
  withUnit?: boolean
}

const lateWord: Record<string, string> = { late: 'late', stale: 'too old' }

/** One vital with the age of its value. */
export function Measured({ tile, zone, withUnit = false }: Props) {
  const { state, age } = useFreshness(tile)
  if (tile.measured_at === null) {
    return (
      <span className={styles.measured}>
        <span className={styles.none} aria-hidden>–</span>
        <span className="sr-only">no value</span>
      </span>
    )
  }
  return (
    <span className={`measured ${styles.measured ?? ''}`} data-state={state} data-direction={tile.direction}>
      <span className={styles.value}>
        {tile.text === null ? <span className={styles.absent}>no number</span> : <span className={styles.number}>{tile.text}</span>}
        {withUnit && tile.text !== null && <span className={styles.unit}>{unitText(tile.unit)}</span>}
        {tile.direction !== null && <Direction direction={tile.direction} />}
        {tile.flags.includes('improbable') && (
          <span className={styles.doubt} title="Improbable reading: check patient and sensor">
            <CircleHelp size="0.8em" aria-hidden />
            <span className="sr-only">improbable</span>
          </span>
        )}
      </span>
      <time className={styles.age} dateTime={tile.measured_at} title={fullTimeText(tile.measured_at, zone)}>
        {state !== 'fresh' && <Clock size="0.9em" aria-hidden />}
        {age}
        {state !== 'fresh' && <span className="sr-only">, {lateWord[state]}</span>}
      </time>
    </span>
  )
}

function Direction({ direction }: { direction: 'up' | 'down' }) {
  const Icon = direction === 'up' ? ArrowUp : ArrowDown
  return (
    <>
      <Icon className={styles.arrow} size="0.85em" strokeWidth={3} aria-hidden />
      <span className="sr-only">{direction === 'up' ? 'above limit' : 'below limit'}</span>
    </>
  )
}
