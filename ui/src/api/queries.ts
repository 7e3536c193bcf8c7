import { QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { loadWorklist, putAlert } from '../live/store'
import { ApiError, post, request, whenSignedOut } from './client'
import type { Alert, Me, PatientView, SeriesView, Worklist } from './types'

const retries = 2

function worthRetrying(failures: number, error: Error): boolean {
  return failures < retries && error instanceof ApiError && (error.status === 0 || error.status >= 500)
}

export const queryClient = new QueryClient({
  // The live stream says when something changed; refetching on focus would only repeat it.
  defaultOptions: { queries: { retry: worthRetrying, retryDelay: 1_000, staleTime: 30_000, refetchOnWindowFocus: false } },
})

const meKey = ['me'] as const

/** Tabs tell each other about signing in and out, so that no tab keeps showing another person's patients. */
const tabs = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('vitalstream-session')
if (tabs !== null) {
  tabs.onmessage = () => {
    void queryClient.invalidateQueries({ queryKey: meKey })
  }
}

/** Forgets everything a signed-in person saw and shows the sign-in on the same place. */
function forget(): void {
  queryClient.setQueryData(meKey, null)
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== 'me' })
}

whenSignedOut(forget)

async function fetchMe(): Promise<Me | null> {
  try {
    return await request<Me>('/api/me')
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null
    throw error
  }
}

/** Null when signed out. */
export function useMe() {
  return useQuery({ queryKey: meKey, queryFn: fetchMe, staleTime: Infinity })
}

export function checkSession(): void {
  void queryClient.invalidateQueries({ queryKey: meKey })
}

export function useSignIn() {
  return useMutation({
    mutationFn: (credentials: { user: string; password: string }) => post<Me>('/api/sign-in', credentials),
    onSuccess: (me) => {
      queryClient.setQueryData(meKey, me)
      tabs?.postMessage('signed in')
    },
  })
}

export function useSignOut() {
  return useMutation({
    mutationFn: () => post<undefined>('/api/sign-out', {}),
    onSuccess: () => {
      forget()
      tabs?.postMessage('signed out')
    },
  })
}

/** The first picture; afterwards the stream keeps it true. */
export function useWorklist() {
  return useQuery({
    queryKey: ['worklist'],
    queryFn: async () => {
      const list = await request<Worklist>('/api/worklist')
      loadWorklist(list)
      return list.server_time
    },
  })
}

export function patientKey(id: string) {
  return ['patient', id] as const
}

export function usePatient(id: string) {
  return useQuery({
    queryKey: patientKey(id),
    queryFn: () => request<PatientView>(`/api/patients/${encodeURIComponent(id)}`),
  })
}

export function seriesKey(id: string, hours: number) {
  return ['series', id, hours] as const
}

export function useSeries(id: string, hours: number) {
  return useQuery({
    queryKey: seriesKey(id, hours),
    queryFn: () => request<SeriesView>(`/api/patients/${encodeURIComponent(id)}/series?hours=${String(hours)}`),
    staleTime: 0,
  })
}

export function alertKey(id: string) {
  return ['alert', id] as const
}

export function useAlert(id: string) {
  return useQuery({
    queryKey: alertKey(id),
    queryFn: () => request<Alert>(`/api/alerts/${encodeURIComponent(id)}`),
  })
}

export function useObservation(id: string | null) {
  return useQuery({
    queryKey: ['observation', id],
    queryFn: () => request<unknown>(`/fhir/Observation/${encodeURIComponent(id ?? '')}`),
    enabled: id !== null,
  })
}

/** Puts an alert into every place of the page that shows it. */
export function spreadAlert(alert: Alert): void {
  putAlert(alert)
  queryClient.setQueryData(alertKey(alert.id), alert)
  queryClient.setQueryData<PatientView>(patientKey(alert.patient), (view) => {
    if (view?.alerts.some((known) => known.id === alert.id) !== true) return view
    return { ...view, alerts: view.alerts.map((known) => (known.id === alert.id ? alert : known)) }
  })
}

export function useAcknowledge() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => post<Alert>(`/api/alerts/${encodeURIComponent(id)}/acknowledge`, {}),
    onSuccess: spreadAlert,
    onError: (error, id) => {
      // Somebody was faster: show whose name is on it.
      if (error instanceof ApiError && error.status === 409) {
        void client.invalidateQueries({ queryKey: alertKey(id) })
        void client.invalidateQueries({ queryKey: ['patient'] })
      }
    },
  })
}
