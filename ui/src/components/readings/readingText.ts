import type { StoredReading, WrongReason } from '../../api/types'
import { keepUnits, unitText, valueText } from '../../format/format'

/** Why a person takes a reading out, in plain words. */
export const wrongReasons: { value: WrongReason; label: string; hint: string }[] = [
  { value: 'artefact', label: 'Artefact', hint: 'The measurement was off: movement, cold fingers, a loose cuff.' },
  { value: 'wrong-patient', label: 'Wrong patient', hint: 'Somebody else was measured.' },
  { value: 'wrong-value', label: 'Wrong value', hint: 'Mistyped or misread.' },
  { value: 'device-fault', label: 'Device fault', hint: 'The device is broken or badly calibrated.' },
  { value: 'other', label: 'Other', hint: 'Something else: say what in the note.' },
]

export const wrongWord: Record<WrongReason, string> = {
  artefact: 'artefact',
  'wrong-patient': 'wrong patient',
  'wrong-value': 'wrong value',
  'device-fault': 'device fault',
  other: 'other reason',
}

const markWords: Record<string, string> = {
  'clock-offset': "device's clock put right",
  'clock-ahead': "device's clock ahead: time of receipt",
  'clock-unset': "device's clock not set: time of receipt",
  'no-time': 'no time sent: time of receipt',
  'zone-unknown': 'zone unknown: read as UTC',
  'ambiguous-hour': 'repeated hour: the earlier one',
  'counter-restart': "device's counter restarted",
  'too-late': 'came too late for alerts',
  'no-contact': 'sensor has no contact',
  'body-movement': 'movement',
  'cuff-loose': 'cuff loose',
  'irregular-pulse': 'irregular pulse',
  'pulse-range': 'pulse out of range',
  'bad-position': 'wrong position',
  'device-alarm': 'device signals an alarm',
  'measurement-ongoing': 'still measuring',
}

// Nothing that a reader of one value can use: all of a demo is simulated, and an identity is the program's concern.
const unsaid = new Set(['test-data', 'no-identity'])

/** The marks of a reading as words. */
export function marks({ flags, absent_reason, status, wrong }: StoredReading): string[] {
  const words = flags.filter((flag) => !unsaid.has(flag)).map((flag) => markWords[flag] ?? flag.replaceAll('-', ' '))
  if (absent_reason !== null) words.push(absent_reason.replaceAll('-', ' '))
  if (status === 'amended') words.push('amended')
  if (status === 'entered-in-error' && wrong === null) words.push('withdrawn: the device was not this patient’s then')
  return words
}

/** "128/79 mmHg", "A, alert"; what has no number says so. */
export function readingText({ metric, text, unit }: StoredReading): string {
  if (text === null) return 'no number'
  return keepUnits(`${valueText(metric, text)} ${unitText(unit)}`.trim())
}

export function sourceText({ source, device }: StoredReading): string {
  if (source === 'manual') return 'entered by hand'
  return source === 'imported' ? 'imported' : (device ?? 'unknown device')
}

/** The vitals that one can look at alone. */
export const families = [
  { value: '', label: 'All vitals' },
  { value: 'heart_rate', label: 'Heart rate' },
  { value: 'blood_pressure', label: 'Blood pressure' },
  { value: 'spo2', label: 'SpO2' },
  { value: 'resp_rate', label: 'Respiratory rate' },
  { value: 'body_temp', label: 'Temperature' },
  { value: 'body_weight', label: 'Weight' },
  { value: 'glucose_capillary_mass', label: 'Glucose' },
  { value: 'consciousness', label: 'Consciousness' },
  { value: 'oxygen_in_use', label: 'Oxygen in use' },
  { value: 'oxygen_flow', label: 'Oxygen flow' },
]
