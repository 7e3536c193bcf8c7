import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import styles from './Notice.module.css'

interface Props {
  icon: LucideIcon
  title: string
  children: ReactNode
  action?: ReactNode
  testid?: string
}

/** A whole screen or section that has something to say instead of something to show. */
export function Notice({ icon: Icon, title, children, action, testid }: Props) {
  return (
    <section className={styles.notice} data-testid={testid}>
      <Icon size={28} strokeWidth={1.6} aria-hidden className={styles.icon} />
      <h1 className={styles.title}>{title}</h1>
      <div className={styles.text}>{children}</div>
      {action}
    </section>
  )
}
