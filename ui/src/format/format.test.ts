import { describe, expect, it } from 'vitest'
import {
  ageText, agoText, freshness, fullTimeText, keepUnits, limitText, numberText, offsetText, personText, programmesText, subjectText, timeText, unitText, valueText,
} from './format'

const now = Date.parse('2026-11-22T10:42:00Z')
const before = (seconds: number) => new Date(now - seconds * 1000).toISOString()

describe('freshness', () => {
  it.each([
    [0, 'fresh'], [60, 'fresh'], [61, 'late'], [120, 'late'], [121, 'stale'], [100_000, 'stale'],
  ])('%i s at a limit of 60 s is %s', (age_s, state) => {
    expect(freshness(before(age_s), 60, now)).toBe(state)
  })

  it('calls a missing measurement none', () => {
    expect(freshness(null, 60, now)).toBe('none')
  })
})

describe('ages', () => {
  it.each([
    [-5, 'now'], [9, 'now'], [10, '10 s'], [59, '50 s'], [60, '1 min'], [3_599, '59 min'], [3_600, '1 h'], [172_799, '47 h'], [172_800, '2 d'],
  ])('%i s is %s', (age_s, text) => {
    expect(ageText(age_s)).toBe(text)
  })

  it('counts the live chip in whole seconds and never below zero', () => {
    expect([agoText(2.9), agoText(-1), agoText(75)]).toEqual(['2 s ago', '0 s ago', '1 min ago'])
  })
})

describe('times in the zone of the patient', () => {
  it('drops the date on the same day there, not here', () => {
    expect(timeText('2026-11-22T10:05:00Z', 'Europe/Berlin', now)).toBe('11:05')
    // 23:30 UTC is already the 22nd in Berlin.
    expect(timeText('2026-11-21T23:30:00Z', 'Europe/Berlin', now)).toBe('00:30')
    expect(timeText('2026-11-21T20:00:00Z', 'Europe/Berlin', now)).toBe('21 Nov 21:00')
    expect(timeText('2025-11-21T20:00:00Z', 'Europe/Berlin', now)).toBe('21 Nov 2025 21:00')
  })

  it('tells both instants of a repeated hour apart by offset', () => {
    const [first, second] = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z']
    expect(fullTimeText(first, 'Europe/Berlin')).toMatch(/02:30:00 UTC\+2$/)
    expect(fullTimeText(second, 'Europe/Berlin')).toMatch(/02:30:00 UTC\+1$/)
  })

  it('names odd offsets and survives an unknown zone', () => {
    expect(offsetText('Asia/Kolkata', now)).toBe('UTC+5:30')
    expect(timeText('2026-11-22T10:05:00Z', 'Mars/Olympus', now)).toBe('10:05')
  })
})

describe('words', () => {
  it('prints units as people write them and leaves strange ones alone', () => {
    expect(['mm[Hg]', 'Cel', '%', 'furlong'].map(unitText)).toEqual(['mmHg', '°C', '%', 'furlong'])
  })

  it('keeps numbers with their units', () => {
    expect(keepUnits('SpO2 85 % for 5 min, limit below 88 %')).toBe('SpO2 85\u00a0% for 5\u00a0min, limit below 88\u00a0%')
  })

  it('says codes in words, sent as a letter or as a number', () => {
    expect([valueText('consciousness', 'V'), valueText('consciousness', '1'), valueText('oxygen_in_use', 'yes'), valueText('oxygen_in_use', '0'), valueText('spo2', '1')]).toEqual([
      'V, responds to voice', 'C, new confusion', 'on oxygen', 'on air', '1',
    ])
  })

  it('names whom an alert is about', () => {
    expect(subjectText({ patient: 'p-1', patient_name: null, gateway: null })).toBe('p-1')
    expect(subjectText({ patient: null, patient_name: null, gateway: 'gw-1' })).toBe('Gateway gw-1')
  })

  it('prints limits and numbers', () => {
    expect([limitText('>= 89'), limitText('< 88'), numberText(36.600000001)]).toEqual([
      '≥ 89', '< 88', '36.6',
    ])
  })

  it('leaves out what every patient has and what is unknown', () => {
    expect(programmesText(['general', 'technical', 'copd'])).toBe('COPD')
    expect(programmesText(['general', 'technical'])).toBe('General')
    expect(personText({ age_years: null, sex: 'female' })).toBe('female')
  })
})
