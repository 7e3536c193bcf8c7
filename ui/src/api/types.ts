/** The HTTP contract, as the server sends it. Times are RFC 3339 UTC strings. */

export type Role = 'clinician' | 'patient' | 'administrator'
export type Priority = 'high' | 'medium' | 'low' | 'technical'
export type Bucket = 'unacknowledged' | 'active' | 'no_data' | 'rest'
export type Freshness = 'fresh' | 'late' | 'stale' | 'none'
export type Component = 'systolic' | 'diastolic' | 'mean'
export type OutcomeCode = 'real' | 'artefact' | 'technical' | 'other'
export type WrongReason = 'artefact' | 'wrong-patient' | 'wrong-value' | 'device-fault' | 'other'
export type SilenceCause = 'patient' | 'device' | 'gateway' | 'pipeline'

export interface Me {
  user: string
  role: Role
  patient: string | null
  simulated: boolean
  server_time: string
}

export interface Identifier {
  system: string
  value: string
}

export interface Tile {
  metric: string
  label: string
  unit: string
  text: string | null
  measured_at: string | null
  age_limit_s: number
  state: Freshness
  direction: 'up' | 'down' | null
  flags: string[]
  absent_reason: string | null
  observation: string | null
}

export interface AlertReading {
  observation: string
  metric: string
  value: string
  unit: string
  measured_at: string
}

/** What a rule kind has no use for may be missing: silence has no metric, a score no duration. */
export interface AlertLimits {
  metric?: string | null
  raise?: string | null
  clear?: string | null
  for?: string | null
  unit?: string | null
  source?: string | null
}

export interface AlertUpdate {
  at: string
  change: 'opened' | 'amended' | 'cleared' | 'retracted' | 'revived'
  because: AlertReading | null
}

/** What an alert turned out to be, in the words of whoever closed it. */
export interface Outcome {
  outcome: OutcomeCode
  note: string | null
  by: string
  at: string
}

/** About a patient or, when `patient` is null, about a gateway. */
export interface Alert {
  id: string
  patient: string | null
  gateway: string | null
  patient_name: string | null
  rule: string
  version: string | number
  priority: Priority
  condition: 'active' | 'cleared' | 'retracted'
  opened_at: string
  cleared_at: string | null
  acknowledged_by: string | null
  acknowledged_at: string | null
  outcome: Outcome | null
  late: boolean
  title: string
  explanation: string
  readings: AlertReading[]
  limits: AlertLimits
  updates: AlertUpdate[]
}

/** Nothing came within the expected time; `since` is null when nothing ever came. */
export interface Silence {
  since: string | null
  cause: SilenceCause
}

/** A gateway that is silent now; its alert opens a minute later than it is listed. */
export interface SilentGateway {
  gateway: string
  seen_at: string | null
  alert: Alert | null
}

/** An opaque sort key: rows are compared element by element. */
export type OrderKey = readonly (string | number | null)[]

export interface Row {
  patient: string
  name: string | null
  age_years: number | null
  sex: string | null
  identifier: Identifier | null
  zone: string
  programmes: string[]
  bucket: Bucket
  order: OrderKey
  why: string
  alert: Alert | null
  alert_count: number
  last_measured_at: string | null
  last_received_at: string | null
  silence: Silence | null
  vitals: Tile[]
}

export interface Counts {
  high: number
  medium: number
  low: number
  technical: number
  no_data: number
  patients: number
}

export interface Worklist {
  server_time: string
  simulated: boolean
  counts: Counts
  gateways: SilentGateway[]
  rows: Row[]
}

export interface Device {
  id: string
  model: string | null
  online: boolean | null
  last_received_at: string | null
  battery_percent: number | null
  bound_since: string
}

export interface PatientView {
  server_time: string
  patient: {
    id: string
    name: string | null
    age_years: number | null
    born: string | null
    sex: string | null
    zone: string
    programmes: { programme: string; since: string | null }[]
    identifiers: Identifier[]
    spo2_target: [number, number] | null
  }
  row: Row
  alerts: Alert[]
  devices: Device[]
}

export interface Limit {
  rule: string
  priority: Priority
  op: string
  value: number
}

/** A point that was marked as wrong; it is never among `t` and `v`. */
export interface WrongPoint {
  t: number
  v: number
  observation: string
}

export interface Series {
  metric: string
  component: Component | null
  device: string
  label: string
  unit: string
  gap_ms: number
  t: number[]
  v: (number | null)[]
  flags?: number[]
  wrong?: WrongPoint[]
  limits: Limit[]
}

export interface SeriesView {
  server_time: string
  from: string
  to: string
  series: Series[]
}

/** Who said why a reading is wrong. */
export interface Wrong {
  reason: WrongReason
  note: string | null
  by: string
  at: string
}

export interface StoredReading {
  observation: string
  metric: string
  label: string
  text: string | null
  unit: string
  measured_at: string
  received_at: string
  device: string | null
  source: 'device' | 'manual' | 'imported'
  flags: string[]
  absent_reason: string | null
  status: 'final' | 'amended' | 'entered-in-error'
  version: number
  wrong: Wrong | null
}

export interface ReadingsPage {
  readings: StoredReading[]
  next: string | null
}

export type EnteredValue = number | boolean | string | { systolic: number; diastolic: number }

/** A reading that a person types in. */
export interface EnteredReading {
  metric: string
  value: EnteredValue
  unit?: string
  at?: string
}

/** One new reading on the live stream: patient, metric, component, device, time (ms), value, flags, absent reason. */
export type Point = [string, string, Component | null, string, number, number | null, number, string | null]

export interface Vitals {
  server_time: string
  counts: Counts
  rows: Row[]
  /** Present when it changed. */
  gateways?: SilentGateway[]
  points: Point[]
  points_dropped?: boolean
}

export interface Heartbeat {
  server_time: string
  lag_s: number
}

export type LiveEvent =
  | { type: 'snapshot'; data: Worklist }
  | { type: 'vitals'; data: Vitals }
  | { type: 'alert'; data: Alert }
  | { type: 'hb'; data: Heartbeat }
  | { type: 'resync'; data: Record<string, never> }
