/** Requests about devices: the fleet, and the claim that makes a device somebody's. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { post, request } from './client'
import type { Claim, ClaimCode, ClaimDevice, CodeKind, FleetDevice, Gateway, NewDevice } from './deviceTypes'
import { queryClient } from './queries'

// What the server promises to notice within: a person who has just measured looks at the page.
const claim_poll_ms = 2_000
// Staff read the fleet, they do not wait for it.
const fleet_poll_ms = 10_000

const devicesKey = ['devices'] as const

export function useFleet() {
  return useQuery({
    queryKey: devicesKey,
    queryFn: async () => (await request<{ devices: FleetDevice[] }>('/api/devices')).devices,
    refetchInterval: fleet_poll_ms,
  })
}

export function useGateways() {
  return useQuery({
    queryKey: ['gateways'],
    queryFn: async () => (await request<{ gateways: Gateway[] }>('/api/gateways')).gateways,
    refetchInterval: fleet_poll_ms,
  })
}

/** Puts the device as the server answered it into the list. */
function spreadDevice(device: FleetDevice): void {
  queryClient.setQueryData<FleetDevice[]>(devicesKey, (known) => known && [device, ...known.filter(({ id }) => id !== device.id)])
  void queryClient.invalidateQueries({ queryKey: devicesKey })
}

const devicePath = (id: string, act: string) => `/api/devices/${encodeURIComponent(id)}/${act}`

export function useMakeDevice() {
  return useMutation({ mutationFn: (device: NewDevice) => post<FleetDevice>('/api/devices', device), onSuccess: spreadDevice })
}

export function useKitDevice(id: string) {
  return useMutation({ mutationFn: (patient: string) => post<FleetDevice>(devicePath(id, 'kit'), { patient }), onSuccess: spreadDevice })
}

export function useReturnDevice(id: string) {
  return useMutation({ mutationFn: () => post<FleetDevice>(devicePath(id, 'return'), {}), onSuccess: spreadDevice })
}

export function useClaimCode(id: string) {
  return useMutation({
    mutationFn: (kind: CodeKind) => post<ClaimCode>(devicePath(id, 'claim-code'), { kind }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: devicesKey }),
  })
}

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
