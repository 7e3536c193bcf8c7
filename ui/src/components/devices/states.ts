import type { DeviceState, FleetDevice } from '../../api/deviceTypes'

export const stateWords: Record<DeviceState, string> = {
  made: 'Not given out',
  kitted: 'Packed for a patient',
  'claim-open': 'Code given out',
  claimed: 'Added, first reading not confirmed',
  proven: 'In use',
  returned: 'Returned',
}

export const stepWords: Record<string, string> = {
  code: 'entering the code',
  'claim-open': 'entering the code',
  claimed: 'waiting for the first reading',
  reading: 'waiting for the first reading',
  confirm: 'confirming the first reading',
}

export const signalWords = { good: 'good', fair: 'fair', far: 'too far away' } as const

export function deviceName({ maker, model, id }: Pick<FleetDevice, 'maker' | 'model' | 'id'>): string {
  return [maker, model].filter(Boolean).join(' ') || id
}

/** What can be done in which state; whatever else is tried the server refuses with its reason. */
export const can = {
  kit: (state: DeviceState) => state === 'made' || state === 'kitted' || state === 'returned',
  code: (state: DeviceState) => state === 'kitted' || state === 'claim-open',
  claim: (state: DeviceState) => state === 'claimed',
  takeBack: (state: DeviceState) => state !== 'made' && state !== 'returned',
}
