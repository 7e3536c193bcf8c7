import { ChevronRight } from 'lucide-react'
import { Big } from './Big'
import styles from './Claim.module.css'
import { Drawing } from './Drawing'
import { Screen } from './Screen'
import { deviceWords, pictures } from './words'

interface Props {
  /** Goes on with a claim that was begun on this phone; null when there is none. */
  onResume: (() => void) | null
  onPick: (picture: string | null) => void
}

export function Choose({ onResume, onPick }: Props) {
  return (
    <Screen title="Which device do you want to add?">
      {onResume !== null && (
        <div className={styles.note}>
          <p>You began to add a device.</p>
          <Big onClick={onResume}>Go on where I was</Big>
        </div>
      )}
      <ul className={styles.pictures}>
        {pictures.map((picture) => (
          <li key={picture}>
            <button type="button" onClick={() => { onPick(picture) }}>
              <Drawing of={picture} size={60} />
              <span>{deviceWords(picture).name}</span>
              <ChevronRight size={22} aria-hidden />
            </button>
          </li>
        ))}
        <li>
          <button type="button" onClick={() => { onPick(null) }}>
            <Drawing of="card" size={60} />
            <span>I have a code</span>
            <ChevronRight size={22} aria-hidden />
          </button>
        </li>
      </ul>
    </Screen>
  )
}
