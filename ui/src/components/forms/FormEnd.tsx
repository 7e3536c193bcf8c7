import { Button } from '@mantine/core'
import styles from './Forms.module.css'

interface Props {
  /** What went wrong, if anything. */
  problem?: string | undefined
  action: string
  pending: boolean
  onCancel: () => void
}

/** How every dialog ends: what went wrong, a way out, and the one thing to do. */
export function FormEnd({ problem, action, pending, onCancel }: Props) {
  return (
    <div className={styles.end}>
      <p role="status" className={styles.problem}>{problem}</p>
      <Button variant="default" className={styles.button} onClick={onCancel}>Cancel</Button>
      <Button type="submit" className={styles.button} loading={pending}>{action}</Button>
    </div>
  )
}
