/** What can be entered by hand, and what of it deserves a second look. */

/** A box to type a number into. `low` to `high` is plausible, in the unit shown: the code table's range; for oxygen, what flow meters reach. */
export interface Box {
  key: string
  label: string
  unit: string
  low: number
  high: number
  /** Whole numbers get a keyboard without a point. */
  whole: boolean
}

export interface Vital {
  key: VitalKey
  label: string
  boxes: readonly Box[]
  /** Whether it is only for professionals to judge. */
  forStaff?: boolean
}

export type VitalKey = 'heart_rate' | 'blood_pressure' | 'spo2' | 'oxygen' | 'resp_rate' | 'body_temp' | 'consciousness' | 'body_weight' | 'glucose_capillary_mass' | 'glucose_capillary_moles'

function one(key: VitalKey, label: string, unit: string, low: number, high: number, whole = false): Vital {
  return { key, label, boxes: [{ key, label, unit, low, high, whole }] }
}

/** In the order of a NEWS2 chart, but for the temperature: numbers first. */
export const vitals: readonly Vital[] = [
  one('resp_rate', 'Respiratory rate', '/min', 2, 80, true),
  one('spo2', 'SpO2', '%', 50, 100, true),
  { key: 'oxygen', label: 'Air or oxygen', forStaff: true, boxes: [{ key: 'oxygen_flow', label: 'Oxygen flow', unit: 'L/min', low: 0.1, high: 60, whole: false }] },
  {
    key: 'blood_pressure',
    label: 'Blood pressure',
    boxes: [
      { key: 'systolic', label: 'Systolic', unit: 'mm[Hg]', low: 40, high: 300, whole: true },
      { key: 'diastolic', label: 'Diastolic', unit: 'mm[Hg]', low: 20, high: 200, whole: true },
    ],
  },
  one('heart_rate', 'Heart rate', '/min', 20, 300, true),
  one('body_temp', 'Temperature', 'Cel', 25, 45),
  { key: 'consciousness', label: 'Consciousness', forStaff: true, boxes: [] },
  one('body_weight', 'Weight', 'kg', 20, 400),
  one('glucose_capillary_mass', 'Glucose', 'mg/dL', 10, 1000, true),
  one('glucose_capillary_moles', 'Glucose', 'mmol/L', 0.56, 55.6),
]

export const newsRound: readonly VitalKey[] = ['resp_rate', 'spo2', 'oxygen', 'blood_pressure', 'heart_rate', 'body_temp', 'consciousness']

export const levels = [
  { value: 'A', label: 'Alert' },
  { value: 'C', label: 'New confusion' },
  { value: 'V', label: 'Voice' },
  { value: 'P', label: 'Pain' },
  { value: 'U', label: 'Unresponsive' },
] as const

export const gases = [
  { value: 'air', label: 'On air' },
  { value: 'oxygen', label: 'On oxygen' },
] as const
