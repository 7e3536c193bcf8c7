import { RefreshCw } from 'lucide-react'
import styles from './HeldNotice.module.css'

/** Rows hold still under a reader's hand; this says how many would like to move. */
export function HeldNotice({ changed, onRefresh }: { changed: number; onRefresh: () => void }) {
  return (
    <div className={styles.place} role="status">
      {changed > 0 && (
        <button type="button" className={styles.button} onClick={onRefresh} data-testid="held-changes">
          <RefreshCw size={14} aria-hidden />
          {changed} changed, refresh (r)
        </button>
      )}
    </div>
  )
}
