/** What staff ask and do about devices. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { post, request } from './client'
import type { ClaimCode, CodeKind, FleetDevice, Gateway, NewDevice } from './deviceTypes'
import { queryClient } from './queries'

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
