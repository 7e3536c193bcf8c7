import type { Silence, SilenceCause } from '../../api/types'
import { timeText } from '../../format/format'

const causeWord: Record<SilenceCause, string> = { patient: 'patient', device: 'device', gateway: 'gateway', pipeline: 'vitalstream itself' }

/** The next step, short enough for a row. */
export const silenceStep: Record<SilenceCause, string> = {
  patient: 'Call the patient',
  device: 'Check the device: battery, contact',
  gateway: 'Check the gateway: power, network',
  pipeline: 'Tell whoever runs vitalstream',
}

/** What is known and what to do about it, for the patient's own page. */
export const silenceAdvice: Record<SilenceCause, string> = {
  patient: 'Device and gateway were heard, so probably nothing was measured. Call the patient.',
  device: 'The device is not heard. Check its battery, that it is switched on and that it touches the skin.',
  gateway: 'The gateway that carries the readings is not heard, so other patients may be silent too. Check its power and its network.',
  pipeline: 'vitalstream itself is not taking readings in, for any patient. It is nothing at the bedside: tell whoever runs this server.',
}

/** "No data since 10:42 (gateway)". */
export function silenceText({ since, cause }: Silence, zone: string, now_ms: number): string {
  return `${since === null ? 'No data yet' : `No data since ${timeText(since, zone, now_ms)}`} (${causeWord[cause]})`
}
