import { describe, expect, it } from 'vitest'
import codes from '../../../../vitals/codes.csv?raw'
import { check, checkTime, newEntry, parseNumber } from './entry'
import { newsRound, vitals } from './vitals'

describe('numbers as people write them', () => {
  it.each([['36.6', 36.6], ['36,6', 36.6], [' 72 ', 72], ['0', 0]])('%s', (text, value) => {
    expect(parseNumber(text)).toBe(value)
  })

  it.each(['', '9x', '-3', '1e3', '.5', '36.', '1,2,3'])('%s is none', (text) => {
    expect(parseNumber(text)).toBeNaN()
  })
})

describe('check', () => {
  it('turns a NEWS2 round into eight readings with their units', () => {
    const typed = {
      resp_rate: '18', spo2: '93', oxygen: 'oxygen', oxygen_flow: '2', systolic: '128', diastolic: '79', heart_rate: '88', body_temp: '37,2', consciousness: 'A',
    }
    const { readings, problems, doubts } = check(newsRound, typed)
    expect([problems, doubts]).toEqual([{}, {}])
    expect(readings.map(({ metric, value, unit }) => [metric, value, unit])).toEqual([
      ['resp_rate', 18, '/min'],
      ['spo2', 93, '%'],
      ['oxygen_in_use', true, undefined],
      ['oxygen_flow', 2, 'L/min'],
      ['blood_pressure', { systolic: 128, diastolic: 79 }, 'mm[Hg]'],
      ['heart_rate', 88, '/min'],
      ['body_temp', 37.2, 'Cel'],
      ['consciousness', 'A', undefined],
    ])
  })

  it('leaves out what was left empty and what is not chosen', () => {
    expect(check(['spo2', 'oxygen', 'consciousness'], { heart_rate: '72', spo2: ' ' }).readings).toEqual([])
  })

  it('sends no flow of somebody on air', () => {
    expect(check(['oxygen'], { oxygen: 'air', oxygen_flow: '2' }).readings).toEqual([{ vital: 'oxygen', metric: 'oxygen_in_use', value: false }])
  })

  it('doubts what is improbable and still lets it be sent', () => {
    const { readings, doubts, problems } = check(['body_temp', 'blood_pressure'], { body_temp: '386', systolic: '79', diastolic: '128' })
    expect(doubts).toEqual({ body_temp: 'Check: 386\u00a0°C?', blood_pressure: 'Check: systolic is not above diastolic. Are they swapped?' })
    expect([readings.length, problems]).toEqual([2, {}])
  })

  it('refuses half a blood pressure and what is no number', () => {
    const { readings, problems } = check(['blood_pressure', 'spo2'], { systolic: '128', spo2: 'abc' })
    expect(problems).toEqual({ blood_pressure: 'Enter both values.', spo2: 'Enter a number.' })
    expect(readings).toEqual([])
  })

  it('finds plausible what the code table does', () => {
    const rows = codes.trim().split('\n').map((line) => line.split(','))
    const [names = []] = rows
    const limit = (row: string[], name: string) => Number(row[names.indexOf(name)])
    for (const vital of vitals) {
      const row = rows.find(([, key]) => key === vital.key)
      if (row === undefined || vital.boxes.length === 0) continue
      if (vital.key === 'blood_pressure') {
        const parts = row[names.indexOf('components')] ?? ''
        expect(parts).toMatch(/=40=300\|.*=20=200\|/)
        expect(vital.boxes.map(({ low, high }) => [low, high])).toEqual([[40, 300], [20, 200]])
      } else {
        expect([vital.key, vital.boxes[0]?.low, vital.boxes[0]?.high]).toEqual([vital.key, limit(row, 'improbable_below'), limit(row, 'improbable_above')])
      }
    }
  })
})

describe('time of an entry', () => {
  const now = Date.parse('2026-11-22T10:42:30Z')
  it('is read in the zone of the patient', () => {
    expect(checkTime('2026-11-22T11:42', 'Europe/Berlin', now)).toEqual({ at: '2026-11-22T10:42:00.000Z' })
  })

  it.each([
    ['2026-11-22T11:43', 'future'], ['2026-11-15T11:42', '7 days'], ['', 'when'],
  ])('%s is refused', (wall, why) => {
    expect(checkTime(wall, 'Europe/Berlin', now)).toEqual({ problem: expect.stringContaining(why) as string })
  })
})

it('makes ids of the right form, each another', () => {
  const [one, two] = [newEntry(), newEntry()]
  expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(one).not.toBe(two)
})
