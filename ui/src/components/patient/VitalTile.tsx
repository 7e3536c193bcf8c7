import { Braces } from 'lucide-react'
import type { Priority, Tile } from '../../api/types'
import { IconButton } from '../IconButton'
import { Measured } from '../Measured'
import styles from './VitalTiles.module.css'

interface Props {
  tile: Tile
  zone: string
  tint: Priority | undefined
  onRaw: (observation: string) => void
}

export function VitalTile({ tile, zone, tint, onRaw }: Props) {
  const { observation } = tile
  return (
    <div className={styles.tile} data-testid={`tile-${tile.metric}`} data-emphasis={tint} data-direction={tile.direction}>
      <h2 className={styles.label}>{tile.label}</h2>
      <Measured tile={tile} zone={zone} withUnit />
      {observation !== null && (
        <IconButton className={styles.raw} label={`${tile.label}: FHIR resource`} onClick={() => { onRaw(observation) }}>
          <Braces size={14} aria-hidden />
        </IconButton>
      )}
    </div>
  )
}
