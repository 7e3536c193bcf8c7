import { Radio, WifiOff } from 'lucide-react'
import { agoText } from '../../format/format'
import { useLive, useSilence_s, useStreamLost } from '../../live/hooks'
import styles from './LiveChip.module.css'

// Below this the server's processing lag is of no interest to a reader.
const lag_shown_s = 10

export function LiveChip() {
  const silence_s = useSilence_s()
  const lost = useStreamLost()
  const started = useLive((state) => state.clock !== null)
  const lag_s = useLive((state) => Math.round(state.lag_s))
  const ago = agoText(silence_s ?? 0)
  return (
    <span className={styles.chip} data-testid="live-chip" data-lost={lost}>
      {lost ? <WifiOff size={14} aria-hidden /> : <Radio size={14} aria-hidden />}
      {lost && <><strong>Not live</strong> <span>- {ago}</span></>}
      {!lost && !started && <strong>Connecting</strong>}
      {!lost && started && <><strong>Live</strong> <span>- {ago}</span></>}
      {!lost && lag_s > lag_shown_s && <span className={styles.lag}>, values {lag_s} s behind</span>}
    </span>
  )
}
