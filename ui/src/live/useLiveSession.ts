import { useCallback, useEffect } from 'react'
import { checkSession, patientKey, queryClient, spreadAlert } from '../api/queries'
import type { LiveEvent } from '../api/types'
import { useLiveEvents } from './hooks'
import { start } from './store'

/** Runs the stream while somebody is signed in and lets its events reach what was loaded by requests. */
export function useLiveSession(): void {
  useEffect(() => start(checkSession), [])
  useLiveEvents(
    useCallback((event: LiveEvent) => {
      if (event.type === 'resync') void queryClient.invalidateQueries()
      if (event.type !== 'alert') return
      spreadAlert(event.data)
      // The server decides which alerts a patient page lists and in what order.
      void queryClient.invalidateQueries({ queryKey: patientKey(event.data.patient) })
    }, []),
  )
}
