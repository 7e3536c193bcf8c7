import { Button } from '@mantine/core'
import { Link } from 'wouter'
import styles from './Claim.module.css'

interface Props {
  children: string
  quiet?: boolean
  busy?: boolean
  disabled?: boolean
  submits?: boolean
  /** Leads there instead of doing something here. */
  href?: string
  onClick?: () => void
}

const look = { root: styles.big ?? '', label: styles.bigLabel ?? '' }

/** A button for unsteady fingers. */
export function Big({ children, quiet = false, busy = false, disabled = false, submits = false, href, onClick }: Props) {
  const variant = quiet ? 'default' : 'filled'
  if (href !== undefined) return <Button component={Link} href={href} variant={variant} classNames={look}>{children}</Button>
  return (
    <Button type={submits ? 'submit' : 'button'} variant={variant} classNames={look} loading={busy} disabled={disabled} onClick={onClick}>
      {children}
    </Button>
  )
}
