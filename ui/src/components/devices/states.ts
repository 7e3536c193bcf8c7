import type { DeviceState, FleetDevice } from '../../api/deviceTypes'

export const stateWords: Record<DeviceState, string> = {
  made: 'Not given out',
  kitted: 'Packed for a patient',
  'claim-open': 'Code given out',
  claimed: 'Added, not proven',
  proven: 'In use',
  returned: 'Returned',
}

/** What has not happened, by the state in which a device rests for too long. */
export const stuckWords: Partial<Record<DeviceState, string>> = {
  kitted: 'No code given out',
  'claim-open': 'Code not entered',
  claimed: 'First reading not confirmed',
}

export const signalWords = { good: 'good', fair: 'fair', far: 'too far away' } as const

export function deviceName({ maker, model, id }: Pick<FleetDevice, 'maker' | 'model' | 'id'>): string {
  return [maker, model].filter(Boolean).join(' ') || id
}

/** What can be done in which state; whatever else is tried the server refuses with its reason. */
export const can = {
  kit: (state: DeviceState) => state !== 'claimed' && state !== 'proven',
  code: (state: DeviceState) => state === 'kitted' || state === 'claim-open',
  claim: (state: DeviceState) => state === 'claimed',
  takeBack: (state: DeviceState) => state !== 'made' && state !== 'returned',
}
