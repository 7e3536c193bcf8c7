import type { Alert, Priority, Tile } from '../../api/types'

/** The priority a vital is tinted with: that of the worst active alert about it, when the server marked it out of limits. */
export function emphasis(alerts: readonly Alert[], tile: Tile): Priority | undefined {
  if (tile.direction === null) return undefined
  return alerts.find(({ condition, limits }) => condition === 'active' && limits.metric?.split('.')[0] === tile.metric)?.priority
}
