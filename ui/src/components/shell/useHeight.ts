import { useEffect, useRef } from 'react'

/** Tells the page's styles how tall an element is, as a custom property on the root. */
export function useHeight<T extends HTMLElement>(property: string) {
  const element = useRef<T>(null)
  useEffect(() => {
    const observed = element.current
    if (observed === null) return
    const root = document.documentElement.style
    const observer = new ResizeObserver(() => { root.setProperty(property, `${String(observed.offsetHeight)}px`) })
    observer.observe(observed)
    return () => {
      observer.disconnect()
      root.removeProperty(property)
    }
  }, [property])
  return element
}
