import type { OutcomeCode } from '../../api/types'

/** What an alert can turn out to be, in plain words. */
export const outcomes: { value: OutcomeCode; label: string; hint: string }[] = [
  { value: 'real', label: 'Real', hint: 'It was the patient: the value was true and mattered.' },
  { value: 'artefact', label: 'Artefact', hint: 'The measurement was off: movement, cold fingers, a loose cuff.' },
  { value: 'technical', label: 'Technical', hint: 'Device, battery, gateway or network.' },
  { value: 'other', label: 'Other', hint: 'Something else: say what in the note.' },
]

export const outcomeWord: Record<OutcomeCode, string> = { real: 'real', artefact: 'an artefact', technical: 'technical', other: 'other' }
