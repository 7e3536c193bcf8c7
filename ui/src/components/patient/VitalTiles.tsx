import type { Alert, Row } from '../../api/types'
import { emphasis } from '../worklist/emphasis'
import { VitalTile } from './VitalTile'
import styles from './VitalTiles.module.css'

interface Props {
  row: Row
  /** Open ones, worst first. */
  alerts: Alert[]
  onRaw: (observation: string) => void
}

export function VitalTiles({ row, alerts, onRaw }: Props) {
  return (
    <section className={styles.tiles} aria-label="Newest values">
      {row.vitals.map((tile) => (
        <VitalTile
          key={tile.metric}
          tile={tile}
          zone={row.zone}
          tint={emphasis(alerts, tile)}
          onRaw={onRaw}
        />
      ))}
    </section>
  )
}
