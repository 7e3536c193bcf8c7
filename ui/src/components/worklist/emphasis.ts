import type { Alert, Priority, Row, Tile } from '../../api/types'

/** The priority a vital is tinted with: that of an active alert whose limit it is out of, as the server marked it. */
export function tintOf(alert: Alert, tile: Tile): Priority | undefined {
  const about = alert.limits.metric.split('.')[0] === tile.metric
  return about && alert.condition === 'active' && tile.direction !== null ? alert.priority : undefined
}

export function emphasis(row: Row, tile: Tile): Priority | undefined {
  return row.alert === null ? undefined : tintOf(row.alert, tile)
}
