import { describe, expect, it } from 'vitest'
import type { Candidate, Claim, ClaimDevice, TroubleCode } from '../../api/deviceTypes'
import { fresh, isLive, refusals, resumed, turn, type ClaimEvent, type ClaimState } from './machine'

const device: ClaimDevice = { id: 'cuff-17', transport: 'ble', maker: 'A&D', model: 'UA-651BLE', serial_end: '4711', picture: 'cuff' }

const candidate = (reading: string, text: string, confirmable = true): Candidate => ({
  reading, text, label: 'Blood pressure', unit: 'mm[Hg]', measured_at: '2026-11-22T09:42:00Z', received_at: '2026-11-22T09:42:01Z', confirmable,
})

const claim = (more: Partial<Claim> = {}): Claim => ({
  device, state: 'claimed', since: '2026-11-22T09:40:00Z', credentials: null, candidates: [], waiting_s: 3, trouble: null, ...more,
})

const run = (state: ClaimState, ...events: ClaimEvent[]) => events.reduce(turn, state)
const refused = (code: string, more = {}): ClaimEvent => ({ type: 'failed', failure: { code, message: 'No.', retry_after_s: null, device: null, ...more }, now_ms: 1_000 })
const polled = (more: Partial<Claim> = {}): ClaimEvent => ({ type: 'polled', claim: claim(more) })
const took = (more: Partial<Claim> = {}): ClaimEvent => ({ type: 'took', claim: claim(more) })

const atCode = run(fresh, { type: 'picked', picture: 'cuff' }, { type: 'typed', text: 'bcdf-ghjk' })
const atBox = run(atCode, { type: 'sent' }, { type: 'found', code: 'BCDF-GHJK', device })
const waiting = run(atBox, { type: 'sent' }, took())
const asked = run(waiting, polled({ candidates: [candidate('r1', '128/79')] }))

describe('code', () => {
  it('begins with the pictures, and goes back to them', () => {
    expect(fresh.step.at).toBe('choose')
    expect(atCode).toMatchObject({ step: { at: 'code' }, picture: 'cuff', typed: 'bcdf-ghjk' })
    expect(turn(atCode, { type: 'back' }).step.at).toBe('choose')
  })

  it.each(refusals)('%s is a page of its own, from which another code can be typed', (why) => {
    const state = run(atCode, { type: 'sent' }, refused(why))
    expect(state).toMatchObject({ busy: false, step: { at: 'refused', why } })
    expect(turn(state, { type: 'back' })).toMatchObject({ typed: 'bcdf-ghjk', step: { at: 'code' } })
  })

  it('knows until when the server wants to be left alone', () => {
    expect(run(atCode, refused('slow-down', { retry_after_s: 30 })).step).toMatchObject({ until_ms: 31_000 })
  })

  it('knows that the used code was the own one, and goes on with its device', () => {
    const state = run(atCode, refused('used-code', { device: 'cuff-17' }))
    expect(state.step).toMatchObject({ own: 'cuff-17' })
    expect(turn(state, { type: 'resume', id: 'cuff-17' })).toEqual(resumed('cuff-17'))
  })

  it('stays where it is when the server cannot be reached', () => {
    expect(run(atCode, { type: 'sent' }, refused('unreachable'))).toMatchObject({ busy: false, problem: 'No.', step: { at: 'code' } })
  })
})

describe('box', () => {
  it('asks whether this is the device, with the code beside it', () => {
    expect(atBox).toMatchObject({ busy: false, step: { at: 'box', code: 'BCDF-GHJK', device } })
    expect(turn(atBox, { type: 'back' }).step.at).toBe('code')
    expect(isLive(atBox)).toBe(false)
  })

  it('finds out there that somebody was faster', () => {
    expect(run(atBox, { type: 'sent' }, refused('used-code')).step).toMatchObject({ at: 'refused', why: 'used-code' })
  })

  it('shows new settings before it waits, and is not hurried by trouble', () => {
    const settings = run(atBox, took({ credentials: { username: 'cuff-17', password: 'p', url: 'mqtt://here' } }))
    expect(settings.step).toMatchObject({ at: 'settings', credentials: { password: 'p' } })
    const later = run(settings, polled(), polled({ trouble: { code: 'nothing-came', text: 'Nothing.' } }))
    expect(later.step).toBe(settings.step)
    expect(turn(later, { type: 'entered' }).step.at).toBe('waiting')
    expect(turn(later, polled({ candidates: [candidate('r1', '128/79')] })).step.at).toBe('asked')
  })
})

describe('waiting', () => {
  it('waits for a reading and asks about it', () => {
    expect(waiting).toMatchObject({ id: 'cuff-17', step: { at: 'waiting' } })
    expect(isLive(waiting)).toBe(true)
    expect(asked.step).toMatchObject({ at: 'asked', reading: { text: '128/79' } })
  })

  it.each<TroubleCode>(['nothing-came', 'gateway-silent', 'device-refused', 'too-far', 'time-unknown'])('says %s, and goes on when a reading comes', (code) => {
    const trouble = run(waiting, polled({ trouble: { code, text: 'Why.' } }))
    expect(trouble.step).toEqual({ at: 'trouble', code, text: 'Why.' })
    expect(run(trouble, polled()).step.at).toBe('waiting')
    expect(run(trouble, polled({ candidates: [candidate('r1', '128/79')] })).step.at).toBe('asked')
  })

  it('says so when the server is not heard, and forgets it when it is', () => {
    const deaf = run(waiting, { type: 'unheard', failure: { code: 'unreachable', message: 'Away.', retry_after_s: null, device: null } })
    expect(deaf).toMatchObject({ problem: 'Away.', step: { at: 'waiting' } })
    expect(run(deaf, polled()).problem).toBeNull()
  })

  it('goes on after a reload where the server is', () => {
    const back = resumed('cuff-17')
    expect(isLive(back)).toBe(true)
    expect(run(back, polled()).step.at).toBe('waiting')
    expect(run(back, polled({ candidates: [candidate('r1', '128/79')] })).step.at).toBe('asked')
    expect(run(back, polled({ state: 'proven' })).step).toEqual({ at: 'done', reading: null })
    expect(run(back, { type: 'unheard', failure: { code: 'not-found', message: '', retry_after_s: null, device: null } }).step.at).toBe('gone')
  })

  it('stops only after a question, and a poll does not take the question away', () => {
    const sure = run(waiting, { type: 'stop', sure: true }, polled())
    expect(sure.stopping).toBe(true)
    expect(turn(sure, { type: 'stop', sure: false })).toMatchObject({ stopping: false, step: { at: 'waiting' } })
    expect(run(sure, { type: 'sent' }, took({ state: 'cancelled' }))).toMatchObject({ stopping: false, step: { at: 'stopped' } })
    expect(run(sure, took({ state: 'cancelled' }), { type: 'restart' })).toEqual(fresh)
  })
})

describe('candidates', () => {
  it('keeps the value on the screen while a worn sensor sends newer ones', () => {
    expect(run(asked, polled({ candidates: [candidate('r2', '131/80')] })).step).toMatchObject({ reading: { reading: 'r1' } })
  })

  it('proves the device with a yes', () => {
    const done = run(asked, { type: 'sent' }, took({ state: 'proven' }))
    expect(done.step).toMatchObject({ at: 'done', reading: { text: '128/79' } })
    expect(isLive(done)).toBe(false)
  })

  it('waits again after a no, and says that it was put aside', () => {
    const no = run(asked, { type: 'sent' }, { type: 'took', claim: claim(), aside: true })
    expect(no).toMatchObject({ aside: true, step: { at: 'waiting' } })
    expect(run(no, polled({ candidates: [candidate('r2', '119/71')] }))).toMatchObject({ aside: false, step: { reading: { reading: 'r2' } } })
  })

  it('asks about the one before after a no to the newest', () => {
    expect(run(asked, { type: 'took', claim: claim({ candidates: [candidate('r0', '140/90')] }), aside: true }).step).toMatchObject({ at: 'asked', reading: { reading: 'r0' } })
  })

  it('takes no answer twice: polls are not heard while one is under way', () => {
    const busy = turn(asked, { type: 'sent' })
    expect(turn(busy, polled())).toBe(busy)
  })

  it('says why an answer was not taken, and stays', () => {
    expect(run(asked, { type: 'sent' }, refused('not-waiting'))).toMatchObject({ busy: false, problem: 'No.', step: { at: 'asked' } })
  })

  it('forgets the question when somebody else answered it', () => {
    expect(run(asked, polled()).step.at).toBe('waiting')
  })
})

describe('two candidates', () => {
  const two = [candidate('r2', '131/80', false), candidate('r1', '128/79', false)]

  it('asks to measure once more, from waiting and from the question', () => {
    for (const before of [waiting, asked]) expect(run(before, polled({ candidates: two })).step.at).toBe('again')
  })

  it('asks only about a newer one', () => {
    const again = run(waiting, polled({ candidates: two }))
    expect(run(again, polled({ candidates: two }))).toEqual(again)
    expect(run(again, polled({ candidates: [candidate('r3', '127/78'), ...two] })).step).toMatchObject({ at: 'asked', reading: { reading: 'r3' } })
  })

  it('keeps the question whether to stop', () => {
    const sure = run(waiting, polled({ candidates: two }), { type: 'stop', sure: true }, polled({ candidates: two }))
    expect(sure.stopping).toBe(true)
  })
})
