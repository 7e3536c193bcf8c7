import { useId } from 'react'
import { unitText } from '../../format/format'
import styles from './Entry.module.css'
import type { Box } from './vitals'

interface Props {
  box: Box
  value: string
  onChange: (value: string) => void
  /** The id of the sentence about this vital. */
  about: string
  invalid: boolean
  first?: boolean
  disabled?: boolean
}

/** A number with its unit in sight; phones show digits. */
export function NumberBox({ box, value, onChange, about, invalid, first = false, disabled = false }: Props) {
  const id = useId()
  return (
    <div className={styles.number}>
      <label htmlFor={id}>{box.label}</label>
      <div className={styles.box} data-disabled={disabled}>
        <input
          id={id}
          name={box.key}
          type="text"
          inputMode={box.whole ? 'numeric' : 'decimal'}
          autoComplete="off"
          maxLength={8}
          value={value}
          disabled={disabled}
          aria-invalid={invalid}
          aria-describedby={`${id}-unit ${about}`}
          data-autofocus={first || undefined}
          onChange={(event) => { onChange(event.currentTarget.value) }}
        />
        <span id={`${id}-unit`}>{unitText(box.unit)}</span>
      </div>
    </div>
  )
}
