import { Unplug } from 'lucide-react'
import type { Priority } from '../api/types'
import { prioritySymbol, priorityWord } from '../format/format'
import styles from './PriorityMark.module.css'

interface Props {
  priority: Priority
  /** An alert that nobody has acknowledged flashes. */
  flashing?: boolean
  /** Acknowledged: outlined, so that the eye goes to what is still open. */
  quiet?: boolean
}

/** Three codings at once: colour, symbol and word. */
export function PriorityMark({ priority, flashing = false, quiet = false }: Props) {
  return (
    <span className={styles.mark} data-priority={priority} data-flashing={flashing} data-quiet={quiet}>
      <span className={styles.symbol} aria-hidden>
        {priority === 'technical' ? <Unplug size={12} strokeWidth={2.4} /> : prioritySymbol[priority]}
      </span>
      {priorityWord[priority]}
    </span>
  )
}
