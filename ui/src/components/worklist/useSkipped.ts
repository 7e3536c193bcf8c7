import { useEffect, useState, type RefObject } from 'react'

/** Whether the browser leaves an element undrawn because it is out of sight (`content-visibility: auto`). */
export function useSkipped(element: RefObject<HTMLElement | null>): boolean {
  const [skipped, setSkipped] = useState(false)
  useEffect(() => {
    const watched = element.current
    const listen = (event: Event) => { setSkipped((event as ContentVisibilityAutoStateChangeEvent).skipped) }
    watched?.addEventListener('contentvisibilityautostatechange', listen)
    return () => watched?.removeEventListener('contentvisibilityautostatechange', listen)
  }, [element])
  return skipped
}
