import { Unplug } from 'lucide-react'
import type { Silence } from '../../api/types'
import { silenceAdvice } from './silenceText'
import { SilentSince } from './SilentSince'
import styles from './Silence.module.css'

/** On the patient's page: since when nothing comes, whose silence it is, and what to do. */
export function SilenceNotice({ silence, zone }: { silence: Silence; zone: string }) {
  return (
    <aside className={styles.notice} aria-label="Silence" data-testid="silence" data-cause={silence.cause}>
      <Unplug size={18} aria-hidden />
      <p>
        <strong><SilentSince silence={silence} zone={zone} />.</strong> {silenceAdvice[silence.cause]}
      </p>
    </aside>
  )
}
