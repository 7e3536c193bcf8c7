import { vitals, type VitalKey } from './vitals'

/** Which vitals this browser entered last: names only, no values and no patient. */
const key = 'vitalstream-entry'
const first: readonly VitalKey[] = ['blood_pressure', 'heart_rate']

export function lastChosen(): readonly VitalKey[] {
  try {
    const kept = (localStorage.getItem(key) ?? '').split(' ')
    const known = vitals.map((vital) => vital.key).filter((vital) => kept.includes(vital))
    return known.length > 0 ? known : first
  } catch {
    return first // storage refused by the browser
  }
}

export function keepChosen(chosen: readonly VitalKey[]): void {
  try {
    localStorage.setItem(key, chosen.join(' '))
  } catch {
    return // nothing to remember it in
  }
}
