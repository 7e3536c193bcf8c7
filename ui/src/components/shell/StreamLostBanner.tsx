import { WifiOff } from 'lucide-react'
import { agoText } from '../../format/format'
import { useSilence_s } from '../../live/hooks'
import styles from './Banner.module.css'

export function StreamLostBanner() {
  const silence_s = useSilence_s()
  return (
    <aside className={styles.lost} data-testid="stream-lost" aria-label="Connection">
      <WifiOff size={16} aria-hidden />
      <span role="status">
        <strong>Connection lost.</strong> Values in grey are not live: the last news came{' '}
        <span aria-live="off">{agoText(silence_s ?? 0)}</span>. Trying to reconnect.
      </span>
    </aside>
  )
}
