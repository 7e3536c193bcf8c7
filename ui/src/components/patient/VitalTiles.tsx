import type { Row } from '../../api/types'
import { tintOf } from '../worklist/emphasis'
import { VitalTile } from './VitalTile'
import styles from './VitalTiles.module.css'

export function VitalTiles({ row, onRaw }: { row: Row; onRaw: (observation: string) => void }) {
  return (
    <section className={styles.tiles} aria-label="Newest values">
      {row.vitals.map((tile) => (
        <VitalTile
          key={tile.metric}
          tile={tile}
          zone={row.zone}
          tint={row.alert === null ? undefined : tintOf(row.alert, tile)}
          onRaw={onRaw}
        />
      ))}
    </section>
  )
}
