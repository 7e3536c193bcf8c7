import { useCallback, useEffect } from 'react'
import { checkSession, patientKey, queryClient, worklistKey } from '../api/queries'
import type { LiveEvent } from '../api/types'
import { spreadAlert } from '../api/writes'
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
      // The server decides which alerts a patient page lists and in what order, and which gateways are silent.
      const { patient } = event.data
      void queryClient.invalidateQueries({ queryKey: patient === null ? worklistKey : patientKey(patient) })
    }, []),
  )
}
