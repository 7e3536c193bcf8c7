import { useCallback, useEffect, useState } from 'react'
import { queryClient, readingsKey } from '../../api/queries'
import { onEvent } from '../../live/store'

// What was entered is durable at once and charted moments later; the last look is for a server that is busy.
const look_again_ms = [300, 1_500, 5_000]

/**
 * How many readings came since the list was loaded: rows move only when somebody asks, or has just added some.
 * `added` counts the entries that were saved on this page.
 */
export function useNewReadings(patient: string, loaded_ms: number, added: number) {
  const [seen, setSeen] = useState({ loaded_ms, waiting: 0 })
  // A list that was loaded anew has them all.
  const waiting = seen.loaded_ms === loaded_ms ? seen.waiting : 0
  const refresh = useCallback(() => void queryClient.invalidateQueries({ queryKey: readingsKey(patient) }), [patient])

  useEffect(
    () =>
      onEvent((event) => {
        if (event.type !== 'vitals') return
        // Systolic, diastolic and mean of one blood pressure are three points at one time.
        const points = event.data.points.filter(([id]) => id === patient).map(([, metric, , device, t_ms]) => `${metric} ${device} ${String(t_ms)}`)
        const came = new Set(points).size
        if (came > 0) setSeen({ loaded_ms, waiting: waiting + came })
        // A row that changed without a reading may be a correction; a list that is up to date can show it without moving.
        else if (waiting === 0 && event.data.rows.some((row) => row.patient === patient)) refresh()
      }),
    [patient, loaded_ms, waiting, refresh],
  )

  useEffect(() => {
    if (added === 0) return
    const timers = look_again_ms.map((ms) => setTimeout(refresh, ms))
    return () => { timers.forEach(clearTimeout) }
  }, [added, refresh])

  return { waiting, refresh }
}
