import { useId, type FocusEvent } from 'react'
import styles from './Entry.module.css'
import type { Typed } from './entry'
import { NumberBox } from './NumberBox'
import { Pick } from './Pick'
import { gases, levels, type Vital } from './vitals'

interface Props {
  vital: Vital
  typed: Typed
  onType: (key: string, value: string) => void
  onLeave: () => void
  problem: string | undefined
  doubt: string | undefined
  first: boolean
}

/** One vital to enter, with the one sentence there is to say about it. */
export function VitalField({ vital, typed, onType, onLeave, problem, doubt, first }: Props) {
  const about = useId()
  // Only listens whether the focus goes elsewhere: half a blood pressure is no mistake yet.
  const leaving = {
    onBlur: (event: FocusEvent) => { if (!event.currentTarget.contains(event.relatedTarget)) onLeave() },
  }
  const boxes = vital.boxes.map((box, i) => (
    <NumberBox
      key={box.key}
      box={box}
      value={typed[box.key] ?? ''}
      onChange={(value) => { onType(box.key, value) }}
      about={about}
      invalid={problem !== undefined}
      first={first && i === 0 && vital.key !== 'oxygen'}
      disabled={vital.key === 'oxygen' && typed.oxygen !== 'oxygen'}
    />
  ))
  return (
    <div
      className={styles.vital}
      data-vital={vital.key}
      data-testid={`entry-${vital.key}`}
      {...leaving}
    >
      {vital.key === 'consciousness' && (
        <Pick
          legend={vital.label}
          options={levels}
          withLetters
          value={typed.consciousness ?? ''}
          onChange={(value) => { onType('consciousness', value) }}
          about={about}
          first={first}
        />
      )}
      {vital.key === 'oxygen' && (
        <div className={styles.oxygen}>
          <Pick
            legend={vital.label}
            options={gases}
            value={typed.oxygen ?? ''}
            onChange={(value) => { onType('oxygen', value) }}
            about={about}
            first={first}
          />
          {boxes}
        </div>
      )}
      {vital.key !== 'oxygen' && boxes.length === 1 && boxes}
      {boxes.length === 2 && (
        <fieldset className={styles.pair}>
          <legend className="sr-only">{vital.label}</legend>
          {boxes}
        </fieldset>
      )}
      <p id={about} className={styles.sentence} data-problem={problem !== undefined} role="status">
        {problem ?? doubt}
      </p>
    </div>
  )
}
