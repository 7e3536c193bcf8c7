import { useEffect } from 'react'

/** The tab's title; never a patient's name, because titles end in the browser's history. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} - vitalstream`
  }, [title])
}
