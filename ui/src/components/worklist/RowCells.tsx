import { memo } from 'react'
import { Link } from 'wouter'
import type { Row } from '../../api/types'
import { clockText, keepUnits, personText, programmesText } from '../../format/format'
import { useTicking } from '../../live/hooks'
import { Measured } from '../Measured'
import { PriorityMark } from '../PriorityMark'
import { SilentSince } from '../silence/SilentSince'
import { silenceStep } from '../silence/silenceText'
import { LastHeard } from './LastHeard'
import { emphasis } from './emphasis'
import styles from './Worklist.module.css'

interface Props {
  row: Row
  href: string
  skipped: boolean
}

/** Out of sight a row keeps its last values, with ages that go on counting, until it is scrolled to. */
const mayWait = (before: Props, after: Props) => after.skipped || (!before.skipped && before.row === after.row)

export const RowCells = memo(function RowCells({ row, href }: Props) {
  const { alert } = row
  const open = alert !== null && alert.acknowledged_by === null
  return (
    <>
      <td role="cell" className={styles.mark}>
        {alert !== null && <PriorityMark priority={alert.priority} flashing={open && alert.condition === 'active'} quiet={!open} />}
        {alert === null && row.bucket === 'no_data' && <span className={styles.noData}>No data</span>}
      </td>
      <th role="rowheader" scope="row" className={styles.patient}>
        <Link href={href} className={styles.name} data-row-link>
          {row.name ?? row.patient}
        </Link>
        <span className={styles.person}>{personText(row)}</span>
        <span className={styles.detail}>
          {row.identifier !== null && <span title={row.identifier.system}>{row.identifier.value}</span>}
          <span>{programmesText(row.programmes)}</span>
          <span className={styles.zone}>
            {row.zone} <LocalClock zone={row.zone} />
          </span>
        </span>
      </th>
      <td role="cell" className={styles.why}>
        <Why row={row} />
        {alert?.acknowledged_by && <span className={styles.detail}>Acknowledged by {alert.acknowledged_by}</span>}
        {row.alert_count > 1 && <span className={styles.detail}>and {row.alert_count - 1} more</span>}
      </td>
      {row.vitals.map((tile) => (
        <td role="cell" key={tile.metric} className={styles.vital} data-emphasis={emphasis(alert === null ? [] : [alert], tile)}>
          <span className={styles.label}>{tile.label}</span>
          <Measured tile={tile} zone={row.zone} />
        </td>
      ))}
      <td role="cell" className={styles.last}>
        <span className={styles.label}>Received </span>
        <LastHeard at={row.last_received_at} zone={row.zone} />
      </td>
    </>
  )
}, mayWait)

/** Silence is the reason of a row without alerts, and a line below the reason of any other. */
function Why({ row }: { row: Row }) {
  const { silence } = row
  if (!silence) return <span className={styles.reason}>{keepUnits(row.why)}</span>
  const since = <SilentSince silence={silence} zone={row.zone} />
  if (row.alert === null) {
    return (
      <>
        <span className={styles.reason}>{since}</span>
        <span className={styles.detail}>{silenceStep[silence.cause]}</span>
      </>
    )
  }
  return (
    <>
      <span className={styles.reason}>{keepUnits(row.why)}</span>
      <span className={styles.detail}>{since}</span>
    </>
  )
}

function LocalClock({ zone }: { zone: string }) {
  return <>{useTicking((ms) => clockText(ms, zone))}</>
}
