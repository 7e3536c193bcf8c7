import { useId, type ReactNode } from 'react'
import styles from './Section.module.css'

interface Props {
  title: string
  aside?: ReactNode
  children: ReactNode
}

/** A titled surface; sections of a page all look the same. */
export function Section({ title, aside, children }: Props) {
  const id = useId()
  return (
    <section className={styles.section} aria-labelledby={id}>
      <div className={styles.head}>
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  )
}
