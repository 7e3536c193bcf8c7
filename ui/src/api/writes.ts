/** What people do: each write, and the places of the page that must know of it at once. */
import { useMutation, type InfiniteData } from '@tanstack/react-query'
import { strike } from '../live/series'
import { putAlert } from '../live/store'
import { ApiError, post } from './client'
import { alertKey, patientKey, queryClient, readingsKey, worklistKey } from './queries'
import type { Alert, EnteredReading, OutcomeCode, PatientView, ReadingsPage, SeriesView, StoredReading, Wrong, WrongReason } from './types'

/** Puts an alert into every place of the page that shows it. */
export function spreadAlert(alert: Alert): void {
  putAlert(alert)
  queryClient.setQueryData(alertKey(alert.id), alert)
  if (alert.patient === null) return
  queryClient.setQueryData<PatientView>(patientKey(alert.patient), (view) => {
    if (view?.alerts.some((known) => known.id === alert.id) !== true) return view
    return { ...view, alerts: view.alerts.map((known) => (known.id === alert.id ? alert : known)) }
  })
}

/** Somebody was faster: whatever shows the alert is asked for again, so that their name is on it. */
function refreshIfTaken(error: Error, id: string): void {
  if (!(error instanceof ApiError) || error.status !== 409) return
  for (const queryKey of [alertKey(id), ['patient'], worklistKey]) void queryClient.invalidateQueries({ queryKey })
}

export function useAcknowledge() {
  return useMutation({
    mutationFn: (id: string) => post<Alert>(`/api/alerts/${encodeURIComponent(id)}/acknowledge`, {}),
    onSuccess: spreadAlert,
    onError: refreshIfTaken,
  })
}

interface Closing {
  id: string
  outcome: OutcomeCode
  note: string
}

/** Acknowledges too, when nobody has. */
export function useCloseAlert() {
  return useMutation({
    mutationFn: ({ id, outcome, note }: Closing) =>
      post<Alert>(`/api/alerts/${encodeURIComponent(id)}/close`, { outcome, ...withNote(note) }),
    onSuccess: spreadAlert,
    onError: (error, { id }) => { refreshIfTaken(error, id) },
  })
}

interface Marking {
  reading: StoredReading
  reason: WrongReason
  note: string
}

export function useMarkWrong(patient: string) {
  return useMutation({
    mutationFn: ({ reading, reason, note }: Marking) =>
      post<Wrong>(`/api/observations/${encodeURIComponent(reading.observation)}/wrong`, { reason, ...withNote(note) }),
    onSuccess: (wrong, { reading }) => {
      queryClient.setQueriesData<InfiniteData<ReadingsPage>>({ queryKey: readingsKey(patient) }, (data) => data && markIn(data, reading, wrong))
      queryClient.setQueriesData<SeriesView>({ queryKey: ['series', patient] }, (view) => view && strike(view, reading))
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 409) void queryClient.invalidateQueries({ queryKey: readingsKey(patient) })
    },
  })
}

/** The server takes the reading out of the chart in its turn; the row says so at once. */
function markIn(data: InfiniteData<ReadingsPage>, { observation }: StoredReading, { reason, note, by, at }: Wrong): InfiniteData<ReadingsPage> {
  const mark = (reading: StoredReading): StoredReading =>
    reading.observation === observation ? { ...reading, status: 'entered-in-error', wrong: { reason, note, by, at } } : reading
  return { ...data, pages: data.pages.map((page) => ({ ...page, readings: page.readings.map(mark) })) }
}

interface Entry {
  /** Chosen once for each dialog: sent twice it is stored once. */
  entry: string
  readings: EnteredReading[]
}

export function useAddReadings(patient: string) {
  return useMutation({
    mutationFn: (entry: Entry) =>
      post<{ accepted: number }>(`/api/patients/${encodeURIComponent(patient)}/readings`, entry),
  })
}

function withNote(note: string): { note?: string } {
  return note.trim() === '' ? {} : { note: note.trim() }
}
