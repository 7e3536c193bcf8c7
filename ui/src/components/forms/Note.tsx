import { useId } from 'react'
import styles from './Forms.module.css'

// What the server keeps.
const length_max = 500

/** A few words beside a choice. */
export function Note({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const id = useId()
  return (
    <div className={styles.note}>
      <label htmlFor={id}>
        Note <small>optional</small>
      </label>
      <textarea id={id} rows={2} maxLength={length_max} value={value} onChange={(event) => { onChange(event.currentTarget.value) }} />
    </div>
  )
}
