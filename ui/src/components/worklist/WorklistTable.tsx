import type { Bucket, Row } from '../../api/types'
import { countText, unitText } from '../../format/format'
import { WorklistRow } from './WorklistRow'
import styles from './Worklist.module.css'

const headings: Record<Bucket, string> = {
  unacknowledged: 'Not acknowledged',
  active: 'Active, acknowledged',
  no_data: 'No data',
  rest: 'No open alerts',
}

// Beyond this many rows the browser skips layout and paint of those out of sight.
const long_rows = 100

export interface Placed {
  bucket: Bucket
  row: Row
}

/** Patients in the given order, cut into the groups they were placed in. */
export function WorklistTable({ placed }: { placed: readonly Placed[] }) {
  const vitals = placed[0]?.row.vitals ?? []
  const groups = groupByBucket(placed)
  // Headings of groups count as rows of the table too.
  const starts = groups.map((_, i) => 2 + groups.slice(0, i).reduce((rows, group) => rows + group.rows.length + 1, 0))
  return (
    <table role="table" className={styles.table} aria-label="Worklist" aria-rowcount={1 + placed.length + groups.length} data-long={placed.length > long_rows} data-testid="worklist">
      <thead role="rowgroup" className={styles.head}>
        <tr role="row" aria-rowindex={1} className={styles.headRow}>
          <th role="columnheader" scope="col">Priority</th>
          <th role="columnheader" scope="col">Patient</th>
          <th role="columnheader" scope="col">Why</th>
          {vitals.map((tile) => (
            <th role="columnheader" scope="col" key={tile.metric}>
              {tile.label} <small>{unitText(tile.unit)}</small>
            </th>
          ))}
          <th role="columnheader" scope="col">Received</th>
        </tr>
      </thead>
      {groups.map(({ bucket, rows }, g) => (
        <tbody role="rowgroup" key={bucket} className={styles.group}>
          <tr role="row" aria-rowindex={starts[g]} className={styles.heading}>
            <td role="cell" aria-colspan={vitals.length + 4}>
              <h2>{headings[bucket]}</h2>
              <span>{countText(rows.length, 'patient')}</span>
            </td>
          </tr>
          {rows.map((row, i) => (
            <WorklistRow key={row.patient} row={row} index={(starts[g] ?? 0) + 1 + i} />
          ))}
        </tbody>
      ))}
    </table>
  )
}

function groupByBucket(placed: readonly Placed[]): { bucket: Bucket; rows: Row[] }[] {
  const groups: { bucket: Bucket; rows: Row[] }[] = []
  for (const { bucket, row } of placed) {
    const last = groups.at(-1)
    if (last?.bucket === bucket) last.rows.push(row)
    else groups.push({ bucket, rows: [row] })
  }
  return groups
}
