/** From what was typed to what is sent: pure, so that every refusal and every doubt can be tested. */
import type { EnteredReading } from '../../api/types'
import { keepUnits, unitText } from '../../format/format'
import { instantOf } from '../../format/zoned'
import { vitals, type Box, type Vital, type VitalKey } from './vitals'

/** Text by box, and the choices under `consciousness` and `oxygen`. */
export type Typed = Readonly<Record<string, string>>

/** One sentence a vital. */
export type Sentences = Partial<Record<VitalKey, string>>

export interface Checked {
  readings: (EnteredReading & { vital: VitalKey })[]
  /** What can't be sent. */
  problems: Sentences
  /** What can, after a second look. */
  doubts: Sentences
}

const number = /^\d+([.,]\d+)?$/

/** A number as people write it, with point or comma; NaN for anything else. */
export function parseNumber(text: string): number {
  return number.test(text.trim()) ? Number(text.trim().replace(',', '.')) : NaN
}

export function check(chosen: readonly VitalKey[], typed: Typed): Checked {
  const checked: Checked = { readings: [], problems: {}, doubts: {} }
  for (const vital of vitals) {
    if (chosen.includes(vital.key)) checkVital(vital, typed, checked)
  }
  return checked
}

function checkVital(vital: Vital, typed: Typed, into: Checked): void {
  const { key } = vital
  if (key === 'oxygen') {
    checkOxygen(vital, typed, into)
    return
  }
  if (key === 'consciousness') {
    if (typed.consciousness) into.readings.push({ vital: key, metric: key, value: typed.consciousness })
    return
  }
  const texts = vital.boxes.map((box) => (typed[box.key] ?? '').trim())
  if (texts.every((text) => text === '')) return
  const values = texts.map(parseNumber)
  const [first = NaN, second = NaN] = values
  if (vital.boxes.length === 2 && texts.includes('')) into.problems[key] = 'Enter both values.'
  else if (values.some(Number.isNaN)) into.problems[key] = 'Enter a number.'
  else {
    const swapped = second >= first ? 'Check: systolic is not above diastolic. Are they swapped?' : null
    const doubt = [...vital.boxes.map((box, i) => doubtOf(box, values[i] ?? 0)), swapped].filter((each) => each !== null).join(' ')
    if (doubt !== '') into.doubts[key] = doubt
    const value = key === 'blood_pressure' ? { systolic: first, diastolic: second } : first
    into.readings.push({ vital: key, metric: key, value, unit: vital.boxes[0]?.unit ?? '' })
  }
}

function checkOxygen({ key, boxes: [box] }: Vital, typed: Typed, into: Checked): void {
  const gas = typed.oxygen
  if (!gas) return
  const text = (typed.oxygen_flow ?? '').trim()
  if (gas === 'oxygen' && text !== '' && box !== undefined) {
    const flow = parseNumber(text)
    if (Number.isNaN(flow)) {
      into.problems[key] = 'Enter the flow as a number.'
      return
    }
    const doubt = doubtOf(box, flow)
    if (doubt !== null) into.doubts[key] = doubt
    into.readings.push({ vital: key, metric: 'oxygen_in_use', value: true }, { vital: key, metric: 'oxygen_flow', value: flow, unit: box.unit })
    return
  }
  into.readings.push({ vital: key, metric: 'oxygen_in_use', value: gas === 'oxygen' })
}

function doubtOf({ key, label, unit, low, high }: Box, value: number): string | null {
  if (value >= low && value <= high) return null
  const which = key === 'systolic' || key === 'diastolic' ? `${label.toLowerCase()} ` : ''
  return keepUnits(`Check: ${which}${String(value)} ${unitText(unit)}?`)
}

// What the server takes.
const oldest_ms = 7 * 86_400_000

/** The instant that a wall time means, or what is wrong with it. */
export function checkTime(wall: string, zone: string, now_ms: number): { at: string } | { problem: string } {
  if (wall === '') return { problem: 'Enter when it was measured.' }
  const ms = instantOf(wall, zone)
  if (ms === null) return { problem: 'There was no such time: the clocks went forward.' }
  if (ms > now_ms) return { problem: 'This is in the future.' }
  if (ms < now_ms - oldest_ms) return { problem: 'This is more than 7 days ago.' }
  return { at: new Date(ms).toISOString() }
}

/** An id for one entry; `crypto.randomUUID` is missing on plain http away from localhost. */
export function newEntry(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
