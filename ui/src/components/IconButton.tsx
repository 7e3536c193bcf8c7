import type { ComponentPropsWithRef } from 'react'
import styles from './IconButton.module.css'

interface Props extends ComponentPropsWithRef<'button'> {
  label: string
}

/** A square button whose name is spoken and shown on hover. */
export function IconButton({ label, className, children, ...rest }: Props) {
  return (
    <button type="button" aria-label={label} title={label} {...rest} className={`${styles.button ?? ''} ${className ?? ''}`}>
      {children}
    </button>
  )
}
