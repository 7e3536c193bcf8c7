import { useEffect, useRef, type ReactNode } from 'react'
import styles from './Claim.module.css'
import { Drawing } from './Drawing'

interface Props {
  title: string
  drawing?: string | null
  children: ReactNode
}

/** One step: a drawing, a heading that takes the focus when the step begins, and little else. */
export function Screen({ title, drawing, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    heading.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [])
  return (
    <section className={styles.screen}>
      {drawing !== undefined && <Drawing of={drawing} />}
      <h1 ref={heading} tabIndex={-1} className={styles.title}>{title}</h1>
      {children}
    </section>
  )
}
