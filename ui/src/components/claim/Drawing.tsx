import type { ReactNode } from 'react'
import styles from './Claim.module.css'

const drawings: Record<string, ReactNode> = {
  cuff: (
    <>
      <path className={styles.fill} d="M12 24c0-4 3-6 7-6h26c4 0 7 2 7 6v28c0 4-3 6-7 6H19c-4 0-7-2-7-6z" />
      <path d="M24 18v40M52 46h9c5 0 6 3 6 7v6" />
      <rect className={styles.paper} x="56" y="59" width="30" height="24" rx="5" />
      <path d="M63 67h16M63 75h9" />
    </>
  ),
  oximeter: (
    <>
      <path className={styles.fill} d="M34 20h40c6 0 10 5 10 11s-4 11-10 11H34c-6 0-10-5-10-11s4-11 10-11z" />
      <path d="M34 58h40c6 0 10 5 10 10s-4 10-10 10H34c-6 0-10-5-10-10s4-10 10-10zM80 40v20" />
      <path d="M8 44h44c5 0 8 3 8 6s-3 6-8 6H8" />
      <path d="M36 32h7l4-6 5 10 4-4h10" />
    </>
  ),
  thermometer: (
    <>
      <path className={styles.fill} d="M24 60 66 18c4-4 10-4 13 0s4 9 0 13L37 73c-3 3-7 3-9 5l-8 8-9-9 8-8c2-2 2-6 5-9z" />
      <path className={styles.paper} d="m53 40 11-11 8 8-11 11z" />
    </>
  ),
  scale: (
    <>
      <rect className={styles.fill} x="12" y="16" width="72" height="64" rx="10" />
      <rect className={styles.paper} x="33" y="23" width="30" height="14" rx="4" />
      <path d="M40 30h16M28 68c-3-8-3-14 1-19 3-4 8-3 9 2 1 6-1 11-3 17zM68 68c3-8 3-14-1-19-3-4-8-3-9 2-1 6 1 11 3 17z" />
    </>
  ),
  strap: (
    <>
      <path className={styles.fill} d="M6 40c12-6 22-6 28-5v26c-6 1-16 1-28-5zM90 40c-12-6-22-6-28-5v26c6 1 16 1 28-5z" />
      <rect className={styles.paper} x="32" y="30" width="32" height="36" rx="9" />
      <path d="M48 57c-7-5-9-8-9-11 0-5 7-6 9-1 2-5 9-4 9 1 0 3-2 6-9 11z" />
    </>
  ),
  box: (
    <>
      <path className={styles.fill} d="M14 34 48 18l34 16v36L48 86 14 70z" />
      <path d="M14 34l34 16 34-16M48 50v36M31 26l34 16v12" />
    </>
  ),
  card: (
    <>
      <rect className={styles.fill} x="10" y="24" width="76" height="48" rx="7" />
      <path d="M20 36h12v12H20zM42 38h30M42 47h20M20 61h5M30 61h5M40 61h5M52 61h5M62 61h5M72 61h5" />
    </>
  ),
  battery: (
    <>
      <rect className={styles.fill} x="18" y="36" width="16" height="24" />
      <rect x="12" y="30" width="66" height="36" rx="6" />
      <path d="M84 42v12M20 38v20M28 38v20" />
    </>
  ),
  distance: (
    <>
      <rect className={styles.fill} x="8" y="34" width="22" height="34" rx="4" />
      <rect x="66" y="48" width="22" height="20" rx="4" />
      <path d="M77 48V32M38 44c5 5 5 11 0 16M46 37c9 9 9 21 0 30M8 80h80M14 76l-6 4 6 4M82 76l6 4-6 4" />
    </>
  ),
  button: (
    <>
      <circle className={styles.fill} cx="44" cy="40" r="24" />
      <circle className={styles.paper} cx="44" cy="40" r="12" />
      <path className={styles.paper} d="M48 40v40c0 4 4 6 8 6h16c6 0 10-4 10-10V64c0-5-6-6-8-3 0-6-8-7-9-2-1-5-8-6-9-1V42c0-5-8-6-8-2z" />
    </>
  ),
}

/** A line drawing in the colours of the page; whatever it shows is said in words beside it. */
export function Drawing({ of, size = 96 }: { of: string | null; size?: number }) {
  return (
    <svg className={styles.drawing} width={size} height={size} viewBox="0 0 96 96" aria-hidden focusable="false">
      {drawings[of ?? 'box'] ?? drawings.box}
    </svg>
  )
}
