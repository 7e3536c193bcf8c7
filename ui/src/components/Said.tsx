import { useEffect } from 'react'
import { Check } from 'lucide-react'
import styles from './Said.module.css'

// Long enough to be read, gone before it is in the way.
const shown_ms = 6_000

/** Says at the foot of the screen that something was done. */
export function Said({ text, onOver }: { text: string; onOver: () => void }) {
  useEffect(() => {
    if (text === '') return
    const timer = setTimeout(onOver, shown_ms)
    return () => { clearTimeout(timer) }
  }, [text, onOver])
  return (
    <div className={styles.place} role="status">
      {text !== '' && (
        <span className={styles.said} data-testid="said">
          <Check size={15} aria-hidden />
          {text}
        </span>
      )}
    </div>
  )
}
