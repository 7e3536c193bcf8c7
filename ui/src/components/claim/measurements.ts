/** Which readings belong to one measurement, and which one to ask about. */
import type { Candidate } from '../../api/deviceTypes'

// A cuff needs half a minute, a scale a step down and up: readings closer together are one measurement
// (a pulse beside a blood pressure), and so is a sensor that is worn and sends every second.
const together_ms = 10_000
/** Two measurements within this time may be of two people. */
const doubtful_ms = 120_000

export interface Measurement {
  /** Newest first. */
  readings: readonly Candidate[]
  from_ms: number
  to_ms: number
}

const measured_ms = (candidate: Candidate) => Date.parse(candidate.measured_at)

/** Newest first. */
export function measurements(candidates: readonly Candidate[]): Measurement[] {
  const found: Measurement[] = []
  for (const candidate of [...candidates].sort((a, b) => measured_ms(b) - measured_ms(a))) {
    const at_ms = measured_ms(candidate)
    const last = found.at(-1)
    if (last !== undefined && last.from_ms - at_ms <= together_ms) {
      found[found.length - 1] = { ...last, readings: [...last.readings, candidate], from_ms: at_ms }
    } else found.push({ readings: [candidate], from_ms: at_ms, to_ms: at_ms })
  }
  return found
}

/** Whether the newest measurement may be somebody else's. */
export function isDoubtful([newest, before]: readonly Measurement[]): boolean {
  return newest !== undefined && before !== undefined && newest.from_ms - before.to_ms <= doubtful_ms
}

/** Whether a later measurement only goes on with this one. */
export function continues(measurement: Measurement, later: Measurement): boolean {
  return later.from_ms - measurement.to_ms <= together_ms
}

const leading: Record<string, RegExp> = {
  cuff: /pressure/i,
  oximeter: /spo2|oxygen|saturation/i,
  thermometer: /temp/i,
  scale: /weight/i,
  strap: /heart|pulse/i,
}

/** The reading people take such a device for. */
export function mainReading({ readings }: Measurement, picture: string | null): Candidate | undefined {
  return readings.find(({ label }) => leading[picture ?? '']?.test(label)) ?? readings[0]
}
