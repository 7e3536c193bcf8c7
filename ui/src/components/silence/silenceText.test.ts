import { expect, it } from 'vitest'
import { silenceText } from './silenceText'

const now = Date.parse('2026-11-22T12:00:00Z')

it('says since when, in the zone of the patient, and whose silence it is', () => {
  expect(silenceText({ since: '2026-11-22T10:42:00Z', cause: 'gateway' }, 'Europe/Berlin', now)).toBe('No data since 11:42 (gateway)')
  expect(silenceText({ since: '2026-11-21T10:42:00Z', cause: 'device' }, 'Europe/Berlin', now)).toBe('No data since 21 Nov 11:42 (device)')
  expect(silenceText({ since: null, cause: 'pipeline' }, 'Europe/Berlin', now)).toBe('No data yet (vitalstream itself)')
})
