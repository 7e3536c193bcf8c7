import { useId, type KeyboardEvent } from 'react'
import styles from './Entry.module.css'

interface Props {
  legend: string
  options: readonly { value: string; label: string }[]
  /** Show the value before its word: ACVPU is known by its letters. */
  withLetters?: boolean
  value: string
  onChange: (value: string) => void
  about: string
  first?: boolean
}

/** A few words to press; the letter of an option picks it too. */
export function Pick({ legend, options, withLetters = false, value, onChange, about, first = false }: Props) {
  const name = useId()
  const pickByLetter = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const meant = options.find((option) => option.value.toLowerCase() === event.key.toLowerCase())
    if (meant !== undefined) onChange(meant.value)
  }
  return (
    <fieldset className={styles.pick} data-count={options.length}>
      <legend>{legend}</legend>
      <div>
        {options.map((option, i) => (
          <label key={option.value} data-chosen={option.value === value}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              aria-describedby={about}
              data-autofocus={(first && i === 0) || undefined}
              onChange={() => { onChange(option.value) }}
              onKeyDown={withLetters ? pickByLetter : undefined}
            />
            {withLetters && <b>{option.value}</b>}
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
