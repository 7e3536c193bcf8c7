import { useId } from 'react'
import styles from './Forms.module.css'

interface Choice<T extends string> {
  value: T
  label: string
  hint: string
}

interface Props<T extends string> {
  legend: string
  choices: readonly Choice<T>[]
  value: T | null
  onChange: (value: T) => void
}

/** One of a few, each with a sentence that says when to take it. */
export function Choices<T extends string>({ legend, choices, value, onChange }: Props<T>) {
  const name = useId()
  return (
    <fieldset className={styles.choices}>
      <legend>{legend}</legend>
      {choices.map((choice, i) => (
        <label key={choice.value} className={styles.choice} data-chosen={choice.value === value}>
          <input
            type="radio"
            name={name}
            value={choice.value}
            required
            checked={choice.value === value}
            onChange={() => { onChange(choice.value) }}
            aria-describedby={`${name}-${choice.value}`}
            aria-label={choice.label}
            data-autofocus={i === 0 || undefined}
          />
          <strong>{choice.label}</strong>
          <span id={`${name}-${choice.value}`}>{choice.hint}</span>
        </label>
      ))}
    </fieldset>
  )
}
