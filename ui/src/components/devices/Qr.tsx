import { correction, generate } from 'lean-qr/nano'
import { useMemo } from 'react'
import styles from './Devices.module.css'

// The standard's quiet zone: what is nearer disturbs some cameras.
const quiet = 4

/** A QR code, drawn here: no picture is fetched and no script runs for it. Black on white in both schemes, as cameras expect. */
export function Qr({ text, label }: { text: string; label: string }) {
  const { path, side } = useMemo(() => {
    const made = generate(text, { minCorrectionLevel: correction.M })
    let squares = ''
    for (let y = 0; y < made.size; y++) {
      for (let x = 0; x < made.size; x++) if (made.get(x, y)) squares += `M${String(x + quiet)} ${String(y + quiet)}h1v1h-1z`
    }
    return { path: squares, side: made.size + 2 * quiet }
  }, [text])
  return (
    <svg className={styles.qr} viewBox={`0 0 ${String(side)} ${String(side)}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <path className={styles.qrPaper} d={`M0 0h${String(side)}v${String(side)}H0z`} />
      <path className={styles.qrInk} d={path} />
    </svg>
  )
}
