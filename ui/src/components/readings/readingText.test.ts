import { expect, it } from 'vitest'
import { makeReading } from '../../live/fixtures'
import { marks, readingText, sourceText } from './readingText'

it('prints a value with its unit, a code in words, and the lack of a number', () => {
  expect(readingText(makeReading())).toBe('86\u00a0%')
  expect(readingText(makeReading({ metric: 'blood_pressure', text: '128/79', unit: 'mm[Hg]' }))).toBe('128/79\u00a0mmHg')
  expect(readingText(makeReading({ metric: 'consciousness', text: 'U', unit: '1' }))).toBe('U, unresponsive')
  expect(readingText(makeReading({ text: null, absent_reason: 'not-a-number' }))).toBe('no number')
})

it('says where it came from', () => {
  expect([sourceText(makeReading()), sourceText(makeReading({ source: 'manual', device: 'manual-4' })), sourceText(makeReading({ source: 'imported' }))]).toEqual([
    'd-1', 'entered by hand', 'imported',
  ])
})

it('puts marks into words and leaves out what concerns only the program', () => {
  expect(marks(makeReading({ flags: ['test-data', 'clock-ahead', 'improbable'] }))).toEqual(["device's clock ahead: time of receipt", 'improbable'])
  expect(marks(makeReading({ absent_reason: 'not-a-number', status: 'amended' }))).toEqual(['not a number', 'amended'])
})

it('tells a reading that nobody marked but that was withdrawn', () => {
  expect(marks(makeReading({ status: 'entered-in-error' }))).toEqual(['withdrawn: the device was not this patient’s then'])
  expect(marks(makeReading({ status: 'entered-in-error', wrong: { reason: 'artefact', note: null, by: 'x', at: '' } }))).toEqual([])
})
