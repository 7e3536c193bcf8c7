import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { IconButton } from '../IconButton'
import styles from './CommandLine.module.css'

/** A shell command, or something else (`what`), to copy. */
export function CommandLine({ text, what = 'command' }: { text: string; what?: string }) {
  const [copied, setCopied] = useState(false)
  const copy = () => {
    // Refused or absent away from https: the text can still be selected.
    navigator.clipboard.writeText(text).then(
      () => { setCopied(true) },
      () => { setCopied(false) },
    )
  }
  return (
    <div className={styles.line}>
      <code>{text}</code>
      <IconButton label={copied ? 'Copied' : `Copy ${what}: ${text}`} onClick={copy}>
        {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
      </IconButton>
    </div>
  )
}
