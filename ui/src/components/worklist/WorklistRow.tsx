import { memo, useRef } from 'react'
import { useLocation } from 'wouter'
import type { Row } from '../../api/types'
import { RowCells } from './RowCells'
import { useSkipped } from './useSkipped'
import styles from './Worklist.module.css'

/** One patient. The name is the link for keyboard and screen reader; a click anywhere else on the row is a convenience. */
export const WorklistRow = memo(function WorklistRow({ row, index }: { row: Row; index: number }) {
  const [, go] = useLocation()
  const element = useRef<HTMLTableRowElement>(null)
  const skipped = useSkipped(element)
  const { alert } = row
  const href = `/patients/${encodeURIComponent(row.patient)}`
  return (
    <tr
      ref={element}
      role="row"
      aria-rowindex={index}
      className={styles.row}
      data-testid={`row-${row.patient}`}
      data-priority={alert?.priority}
      data-open={alert !== null && alert.acknowledged_by === null}
      data-bucket={row.bucket}
      onClick={(event) => {
        const onLink = event.target instanceof Element && event.target.closest('a') !== null
        if (!onLink && window.getSelection()?.isCollapsed !== false) go(href)
      }}
    >
      <RowCells row={row} href={href} skipped={skipped} />
    </tr>
  )
})
