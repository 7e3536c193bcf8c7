import { useEffect } from 'react'

// The row a reader came from keeps the focus when they come back.
let lastRow: string | null = null

function links(): HTMLAnchorElement[] {
  return [...document.querySelectorAll<HTMLAnchorElement>('[data-row-link]')]
}

function move(step: 1 | -1): void {
  const all = links()
  const at = all.findIndex((link) => link === document.activeElement)
  const target = at < 0 ? all[0] : all[Math.min(Math.max(at + step, 0), all.length - 1)]
  target?.focus()
}

/** Moves the focus from row to row; Enter then opens, as on any link. */
export const rowKeys = {
  j: () => { move(1) },
  k: () => { move(-1) },
}

/** Gives the focus back to the row that was left by keyboard. */
export function useRowMemory(): void {
  useEffect(() => {
    links().find((link) => link.getAttribute('href') === lastRow)?.focus()
    lastRow = null
    const remember = (event: Event) => {
      // Only a keyboard's focus: giving it to somebody who clicked would hold the order behind their back.
      if (event.target instanceof Element && event.target.matches('[data-row-link]:focus-visible')) lastRow = event.target.getAttribute('href')
    }
    document.addEventListener('focusin', remember)
    return () => {
      document.removeEventListener('focusin', remember)
    }
  }, [])
}
