import { expect, it } from 'vitest'
import { makeAlert, makeTile } from '../../live/fixtures'
import { emphasis } from './emphasis'

const low = makeTile({ direction: 'down' })

it('tints a vital by the worst active alert about it, and only when it is out of limits', () => {
  const about = makeAlert({ priority: 'medium' })
  const other = makeAlert({ limits: { metric: 'heart_rate' } })
  expect(emphasis([other, about], low)).toBe('medium')
  expect(emphasis([about], makeTile())).toBeUndefined()
  expect(emphasis([makeAlert({ condition: 'cleared' })], low)).toBeUndefined()
  expect(emphasis([makeAlert({ limits: {} })], low)).toBeUndefined()
})

it('takes a part of a blood pressure as about the whole', () => {
  const tile = makeTile({ metric: 'blood_pressure', direction: 'up' })
  expect(emphasis([makeAlert({ limits: { metric: 'blood_pressure.systolic' } })], tile)).toBe('high')
})
