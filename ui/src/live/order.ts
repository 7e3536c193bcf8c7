/** Order of the worklist: the server's key decides, and rows hold still under a reader's hand. */
import type { Bucket, OrderKey, Row } from '../api/types'

/** Element by element; null first, numbers by size, text by code unit. */
export function compareKeys(a: OrderKey, b: OrderKey): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i += 1) {
    const [x, y] = [a[i] ?? null, b[i] ?? null]
    if (x === y) continue
    if (x === null) return -1
    if (y === null) return 1
    return x < y ? -1 : 1
  }
  return a.length - b.length
}

export function sortRows(rows: Iterable<Row>): Row[] {
  return [...rows].sort((a, b) => compareKeys(a.order, b.order))
}

/** What the table shows: patients in place, each with the key that put it there. */
export interface Shown {
  places: readonly Place[]
  /** Patients whose place would change, or who came or left, while the order was held. */
  changed: number
}

interface Place {
  patient: string
  bucket: Bucket
  order: OrderKey
}

export const nothingShown: Shown = { places: [], changed: 0 }

/** The next arrangement; the same object when nothing moves, so that a page need not draw again. */
export function arrange(shown: Shown, sorted: readonly Row[], held: boolean): Shown {
  const changed = countChanged(shown.places, sorted)
  if (changed === 0) return shown.changed === 0 ? shown : { ...shown, changed: 0 }
  if (held && shown.places.length > 0) return changed === shown.changed ? shown : { ...shown, changed }
  return { places: sorted.map(({ patient, bucket, order }) => ({ patient, bucket, order })), changed: 0 }
}

function countChanged(places: readonly Place[], sorted: readonly Row[]): number {
  const before = new Map(places.map((place) => [place.patient, place]))
  let changed = 0
  for (const row of sorted) {
    const place = before.get(row.patient)
    before.delete(row.patient)
    if (place?.bucket !== row.bucket || compareKeys(place.order, row.order) !== 0) changed += 1
  }
  return changed + before.size
}
