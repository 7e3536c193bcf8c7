import { useEffect } from 'react'
import { queryClient, seriesKey } from '../api/queries'
import type { Point, SeriesView } from '../api/types'
import { addPoints, appended_max } from './series'
import { onEvent } from './store'

// Four events a second may come; charts are drawn again once a second at most.
const draw_every_ms = 1_000

/** Lets a patient's loaded series grow with the stream, and loads them again when that is not enough. */
export function useLiveSeries(patient: string, hours: number): void {
  useEffect(() => {
    const key = seriesKey(patient, hours)
    let waiting: Point[] = []
    let appended = 0
    let stale = false

    const reload = () => {
      waiting = []
      appended = 0
      stale = false
      void queryClient.invalidateQueries({ queryKey: key })
    }
    const flush = () => {
      if (stale) {
        reload()
        return
      }
      const view = queryClient.getQueryData<SeriesView>(key)
      if (waiting.length === 0 || view === undefined) return
      const grown = addPoints(view, waiting)
      appended += waiting.length
      waiting = []
      if (grown === null || appended > appended_max) reload()
      else queryClient.setQueryData(key, grown)
    }
    const stop = onEvent((event) => {
      if (event.type !== 'vitals') return
      const own = event.data.points.filter(([id]) => id === patient)
      waiting.push(...own)
      // A row that changed without a reading: one was taken out, or something else that only the server can tell.
      if (event.data.points_dropped === true || (own.length === 0 && event.data.rows.some((row) => row.patient === patient))) stale = true
    })
    const timer = setInterval(flush, draw_every_ms)
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [patient, hours])
}
