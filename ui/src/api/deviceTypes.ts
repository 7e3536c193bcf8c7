/** The HTTP contract about devices: what staff see of them, and how a patient claims one. */

export type Transport = 'mqtt' | 'ble'
export type DeviceState = 'made' | 'kitted' | 'claim-open' | 'claimed' | 'proven' | 'returned'
export type CodeKind = 'screen' | 'printed'
export type TroubleCode = 'nothing-came' | 'gateway-silent' | 'device-refused' | 'too-far' | 'time-unknown'

/** A device in the fleet, as staff see it. */
export interface FleetDevice {
  id: string
  transport: Transport
  maker: string | null
  model: string | null
  firmware: string | null
  serial: string | null
  state: DeviceState
  state_since: string
  patient: string | null
  battery_percent: number | null
  last_received_at: string | null
  online: boolean | null
  signal_dbm: number | null
  signal: 'good' | 'fair' | 'far' | null
  gateway: string | null
  /** It rests in this state for too long. */
  stuck: { step: DeviceState; since: string } | null
}

export interface Gateway {
  gateway: string
  seen_at: string | null
  online: boolean
  devices: number
}

export interface NewDevice {
  id: string
  transport: Transport
  maker: string
  model: string
  serial?: string
  firmware?: string
}

/** Shown once: the server keeps only its hash. */
export interface ClaimCode {
  code: string
  expires_at: string
  url: string
}

/** What a code stands for, so that its holder can compare it with the box. */
export interface ClaimDevice {
  id: string
  transport: Transport
  maker: string | null
  model: string | null
  serial_end: string | null
  /** Which drawing shows it best. */
  picture: string | null
}

/** One measurement, as what people recognize first of it. */
export interface Candidate {
  reading: string
  label: string
  text: string
  unit: string
  measured_at: string
  received_at: string
  /** False while nobody can tell whose it is: another one came within two minutes. */
  confirmable: boolean
}

/** Shown once, in the answer to the claim. */
export interface Credentials {
  username: string
  password: string
  url: string
}

export interface Claim {
  device: ClaimDevice
  state: 'claimed' | 'proven' | 'cancelled'
  since: string
  credentials: Credentials | null
  /** Newest first, at most five. */
  candidates: Candidate[]
  waiting_s: number
  trouble: { code: TroubleCode; text: string } | null
}
