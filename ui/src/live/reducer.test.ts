import { describe, expect, it } from 'vitest'
import type { LiveEvent } from '../api/types'
import { elapsed_ms, serverNow_ms } from './clock'
import { makeAlert, makeRow, makeWorklist } from './fixtures'
import { empty, reduce, takeAlert, takeWorklist } from './reducer'

const at = (ms: number) => ({ steady_ms: ms, wall_ms: ms })
const counts = makeWorklist([]).counts
const vitals = (server_time: string, ...rows: ReturnType<typeof makeRow>[]): LiveEvent => ({
  type: 'vitals',
  data: { server_time, counts, rows, points: [] },
})

describe('reduce', () => {
  const start = reduce(empty, { type: 'snapshot', data: makeWorklist([makeRow('a'), makeRow('b')]) }, at(0))

  it('takes a snapshot as the whole picture', () => {
    expect([start.loaded, start.simulated, [...start.rows.keys()]]).toEqual([true, true, ['a', 'b']])
    const next = reduce(start, { type: 'snapshot', data: makeWorklist([makeRow('b')], '2026-11-22T10:43:00Z') }, at(1))
    expect([...next.rows.keys()]).toEqual(['b'])
  })

  it('replaces only changed rows and keeps the others the same objects', () => {
    const next = reduce(start, vitals('2026-11-22T10:42:01Z', makeRow('b', { why: 'new' })), at(1))
    expect(next.rows.get('a')).toBe(start.rows.get('a'))
    expect(next.rows.get('b')?.why).toBe('new')
  })

  it('never lets an older worklist overwrite a newer row', () => {
    const newer = reduce(start, vitals('2026-11-22T10:42:05Z', makeRow('b', { why: 'new' })), at(1))
    const next = takeWorklist(newer, makeWorklist([makeRow('a', { why: 'older' }), makeRow('b', { why: 'older' })], '2026-11-22T10:42:03Z'), at(2))
    expect([next.rows.get('a')?.why, next.rows.get('b')?.why]).toEqual(['older', 'new'])
  })

  it('never lets an older event overwrite a newer row', () => {
    expect(reduce(start, vitals('2026-11-22T10:41:00Z', makeRow('b', { why: 'older' })), at(1)).rows.get('b')?.why).toBe('')
  })

  it('is not loaded by changed rows alone', () => {
    expect(reduce(empty, vitals('2026-11-22T10:42:00Z', makeRow('a')), at(0)).loaded).toBe(false)
  })

  it('shows an acknowledgement on the row that shows the alert, and does not move it', () => {
    const alert = makeAlert({ patient: 'a' })
    const open = reduce(start, vitals('2026-11-22T10:42:01Z', makeRow('a', { alert, bucket: 'unacknowledged', order: [0] })), at(1))
    const next = reduce(open, { type: 'alert', data: { ...alert, acknowledged_by: 'nurse.patel' } }, at(2))
    expect(next.rows.get('a')).toMatchObject({ alert: { acknowledged_by: 'nurse.patel' }, bucket: 'unacknowledged', order: [0] })
    expect(takeAlert(open, makeAlert({ id: 'other', patient: 'a' }))).toBe(open)
  })

  it('keeps silent gateways, and puts an alert of one where it is shown', () => {
    const silent = { gateway: 'gw-1', seen_at: '2026-11-22T10:40:00Z', alert: null }
    const listed = takeWorklist(start, { ...makeWorklist([]), gateways: [silent] }, at(1))
    const alert = makeAlert({ id: 'g-1', patient: null, gateway: 'gw-1', priority: 'technical' })
    const told = reduce(listed, { type: 'alert', data: alert }, at(2))
    expect(told.gateways).toEqual([{ ...silent, alert }])
    expect(takeAlert(told, { ...alert, gateway: 'gw-2' })).toBe(told)
    const quiet = reduce(told, vitals('2026-11-22T10:42:09Z'), at(3))
    expect(quiet.gateways).toBe(told.gateways)
    expect(reduce(quiet, { type: 'vitals', data: { server_time: '2026-11-22T10:42:10Z', counts, rows: [], points: [], gateways: [] } }, at(4)).gateways).toEqual([])
  })

  it('hears every event', () => {
    for (const event of [{ type: 'resync', data: {} }, { type: 'hb', data: { server_time: '2026-11-22T10:42:07Z', lag_s: 3 } }] as LiveEvent[]) {
      expect(reduce(start, event, at(7)).heard).toEqual(at(7))
    }
  })
})

describe('server clock', () => {
  it('ignores what the clock of this machine says', () => {
    const wrong = { steady_ms: 0, wall_ms: 0 }
    const state = reduce(empty, { type: 'hb', data: { server_time: '2026-11-22T10:42:00Z', lag_s: 0 } }, wrong)
    expect(serverNow_ms(state.clock, { steady_ms: 3_000, wall_ms: 3_000 })).toBe(Date.parse('2026-11-22T10:42:03Z'))
  })

  it('lets values look older after a sleep, never fresher after the clock was set back', () => {
    expect(elapsed_ms({ steady_ms: 0, wall_ms: 0 }, { steady_ms: 1_000, wall_ms: 60_000 })).toBe(60_000)
    expect(elapsed_ms({ steady_ms: 0, wall_ms: 60_000 }, { steady_ms: 1_000, wall_ms: 0 })).toBe(1_000)
  })
})
