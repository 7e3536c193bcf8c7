import { QueryClient, useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { loadWorklist } from '../live/store'
import { ApiError, post, request, whenSignedOut } from './client'
import type { Alert, Me, PatientView, ReadingsPage, SeriesView, Worklist } from './types'

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

export const worklistKey = ['worklist'] as const

/** The first picture; afterwards the stream keeps it true. */
export function useWorklist() {
  return useQuery({
    queryKey: worklistKey,
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

/** Asks nothing while there is no patient: an alert may be about a gateway. */
export function usePatient(id: string | null) {
  return useQuery({
    queryKey: patientKey(id ?? ''),
    queryFn: () => request<PatientView>(`/api/patients/${encodeURIComponent(id ?? '')}`),
    enabled: id !== null,
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

export const readings_page = 50

export function readingsKey(id: string) {
  return ['readings', id] as const
}

/** Stored readings of all vitals or (`family` not empty) of one, newest first, page by page. */
export function useReadings(id: string, family: string) {
  return useInfiniteQuery({
    queryKey: [...readingsKey(id), family],
    queryFn: ({ pageParam }) => {
      const asked = new URLSearchParams({ limit: String(readings_page) })
      if (family !== '') asked.set('metric', family)
      if (pageParam !== null) asked.set('after', pageParam)
      return request<ReadingsPage>(`/api/patients/${encodeURIComponent(id)}/readings?${asked.toString()}`)
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
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
