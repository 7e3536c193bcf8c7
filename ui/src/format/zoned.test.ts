import { describe, expect, it } from 'vitest'
import { instantOf, wallTime } from './zoned'

const iso = (wall: string, zone: string) => {
  const ms = instantOf(wall, zone)
  return ms === null ? null : new Date(ms).toISOString()
}

describe('wall time of a zone', () => {
  it.each([
    ['2026-11-22T11:42', 'Europe/Berlin', '2026-11-22T10:42:00.000Z'],
    ['2026-07-01T11:42', 'Europe/Berlin', '2026-07-01T09:42:00.000Z'],
    ['2026-11-22T16:12', 'Asia/Kolkata', '2026-11-22T10:42:00.000Z'],
    ['2026-11-22T00:42', 'Pacific/Kiritimati', '2026-11-21T10:42:00.000Z'],
    ['2026-11-22T03:42', 'America/Chicago', '2026-11-22T09:42:00.000Z'],
  ])('%s in %s', (wall, zone, instant) => {
    expect(iso(wall, zone)).toBe(instant)
    expect(wallTime(Date.parse(instant), zone)).toBe(wall)
  })

  it('takes the earlier instant of a repeated hour', () => {
    expect(iso('2026-10-25T02:30', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.000Z')
  })

  it('knows that a skipped hour never was, and the edges of it', () => {
    expect(iso('2026-03-29T02:30', 'Europe/Berlin')).toBeNull()
    expect(iso('2026-03-29T01:59', 'Europe/Berlin')).toBe('2026-03-29T00:59:00.000Z')
    expect(iso('2026-03-29T03:00', 'Europe/Berlin')).toBe('2026-03-29T01:00:00.000Z')
  })

  it('is null for what is no time', () => {
    expect(instantOf('', 'Europe/Berlin')).toBeNull()
  })
})
