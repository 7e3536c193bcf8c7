import { describe, expect, it } from 'vitest'
import { hear, silent, speak } from './announce'
import { makeAlert } from './fixtures'

describe('announcements', () => {
  it('speaks a new high alert at once, with the name', () => {
    expect(speak(hear(silent, makeAlert()), 0)[1]).toBe('New high alert. Ada Novak: Low oxygen saturation')
  })

  it.each([
    ['a lower priority', makeAlert({ priority: 'medium' })],
    ['an acknowledged one', makeAlert({ acknowledged_by: 'nurse.patel' })],
    ['one that is over', makeAlert({ condition: 'cleared' })],
    ['one that arrived late', makeAlert({ late: true })],
  ])('is silent about %s', (_, alert) => {
    expect(speak(hear(silent, alert), 0)[1]).toBeNull()
  })

  it('collects what comes within ten seconds and then gives the count', () => {
    const [first] = speak(hear(silent, makeAlert()), 0)
    const more = hear(hear(first, makeAlert({ id: 'a-2' })), makeAlert({ id: 'a-3' }))
    expect(speak(more, 9_999)[1]).toBeNull()
    expect(speak(more, 10_000)[1]).toMatch(/^2 new high alerts/)
  })

  it('does not repeat a replayed alert', () => {
    const [said] = speak(hear(silent, makeAlert()), 0)
    expect(speak(hear(said, makeAlert()), 60_000)[1]).toBeNull()
  })
})
