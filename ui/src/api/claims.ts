/** The requests that make a device somebody's. */
import { useQuery } from '@tanstack/react-query'
import { post, request } from './client'
import type { Claim, ClaimDevice } from './deviceTypes'

// A person who has just measured looks at the page.
const claim_poll_ms = 2_000

const claimPath = (device: string, act = '') => `/api/claims/${encodeURIComponent(device)}${act}`

/** Staff claim for somebody else and say for whom. */
const forWhom = (patient: string | null) => (patient === null ? {} : { patient })

export const claims = {
  look: (code: string, patient: string | null) => post<{ device: ClaimDevice }>('/api/claims/look', { code, ...forWhom(patient) }),
  claim: (code: string, patient: string | null) => post<Claim>('/api/claims', { code, ...forWhom(patient) }),
  confirm: (device: string, reading: string) => post<Claim>(claimPath(device, '/confirm'), { reading }),
  notMine: (device: string, reading: string) => post<Claim>(claimPath(device, '/not-mine'), { reading }),
  cancel: (device: string) => post<Claim>(claimPath(device, '/cancel'), {}),
}

/** How far the claim is, asked again and again; nothing is asked while there is no device. */
export function useClaimProgress(device: string | null) {
  return useQuery({
    queryKey: ['claim', device],
    queryFn: () => request<Claim>(claimPath(device ?? '')),
    enabled: device !== null,
    refetchInterval: claim_poll_ms,
    // The phone was in a pocket, the person was at the cuff.
    refetchOnWindowFocus: true,
    retry: false,
    gcTime: 0,
    staleTime: 0,
  })
}
