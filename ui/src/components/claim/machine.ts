/** The claim as a state machine: pure, so that every turn it can take is a test. */
import type { Candidate, Claim, ClaimDevice, Credentials, TroubleCode } from '../../api/deviceTypes'

export const refusals = ['wrong-code', 'used-code', 'expired-code', 'other-patient', 'slow-down'] as const
export type Refusal = (typeof refusals)[number]

export type Step =
  | { at: 'choose' }
  | { at: 'code' }
  /** `until_ms`: before that the server does not want to be asked. `own`: the device that the code gave to the same patient. */
  | { at: 'refused'; why: Refusal; until_ms: number; own: string | null }
  | { at: 'box'; code: string; device: ClaimDevice }
  /** Somebody comes back to a claim that was begun. */
  | { at: 'resuming' }
  | { at: 'settings'; credentials: Credentials }
  | { at: 'waiting' }
  | { at: 'trouble'; code: TroubleCode; text: string }
  /** The reading stays as it was asked about, also while a worn sensor sends newer ones. */
  | { at: 'asked'; reading: Candidate }
  | { at: 'again' }
  | { at: 'done'; reading: Candidate | null }
  | { at: 'stopped' }
  | { at: 'gone' }

export interface ClaimState {
  step: Step
  /** The drawing that was touched at the beginning. */
  picture: string | null
  typed: string
  /** The claimed device's id, known before the device itself when somebody comes back. */
  id: string | null
  device: ClaimDevice | null
  /** A request is under way; answers to questions are not taken meanwhile. */
  busy: boolean
  /** Why nothing happened, when it is nobody's mistake: the network, the server. */
  problem: string | null
  /** The last reading was said to be somebody else's. */
  aside: boolean
  /** "Do you want to stop?" is on the screen. */
  stopping: boolean
}

export interface Failure {
  code: string
  message: string
  retry_after_s: number | null
  /** The device that a used code had opened for the same patient. */
  device: string | null
}

export type ClaimEvent =
  | { type: 'picked'; picture: string | null }
  | { type: 'typed'; text: string }
  | { type: 'back' }
  | { type: 'sent' }
  | { type: 'found'; code: string; device: ClaimDevice }
  | { type: 'failed'; failure: Failure; now_ms: number }
  /** The claim as the server answered it; `aside`: the reading was not theirs. */
  | { type: 'took'; claim: Claim; aside?: boolean }
  | { type: 'polled'; claim: Claim }
  | { type: 'unheard'; failure: Failure }
  | { type: 'entered' }
  | { type: 'stop'; sure: boolean }
  | { type: 'resume'; id: string }
  | { type: 'restart' }

export const fresh: ClaimState = {
  step: { at: 'choose' },
  picture: null,
  typed: '',
  id: null,
  device: null,
  busy: false,
  problem: null,
  aside: false,
  stopping: false,
}

/** Where somebody who comes back begins. */
export function resumed(id: string): ClaimState {
  return { ...fresh, id, step: { at: 'resuming' } }
}

const asking = new Set<Step['at']>(['resuming', 'settings', 'waiting', 'trouble', 'asked', 'again'])

/** Whether the page should keep asking how far the claim is. */
export function isLive({ step }: ClaimState): boolean {
  return asking.has(step.at)
}

export function turn(state: ClaimState, event: ClaimEvent): ClaimState {
  switch (event.type) {
    case 'picked':
      return { ...state, picture: event.picture, step: { at: 'code' } }
    case 'typed':
      return { ...state, typed: event.text, problem: null }
    case 'back':
      return { ...state, problem: null, step: state.step.at === 'code' ? { at: 'choose' } : { at: 'code' } }
    case 'sent':
      return { ...state, busy: true, problem: null }
    case 'found':
      return { ...state, busy: false, step: { at: 'box', code: event.code, device: event.device } }
    case 'failed':
      return fail(state, event.failure, event.now_ms)
    case 'took':
      return take({ ...state, busy: false, stopping: false, aside: event.aside ?? state.aside }, event.claim, true)
    case 'polled':
      return state.busy || !isLive(state) ? state : take(state, event.claim, false)
    case 'unheard':
      if (!isLive(state) || state.busy) return state
      return event.failure.code === 'not-found' ? { ...state, problem: null, step: { at: 'gone' } } : { ...state, problem: event.failure.message }
    case 'entered':
      return { ...state, step: { at: 'waiting' } }
    case 'stop':
      return { ...state, stopping: event.sure, problem: null }
    case 'resume':
      return resumed(event.id)
    case 'restart':
      return fresh
  }
}

function fail(state: ClaimState, { code, message, retry_after_s, device }: Failure, now_ms: number): ClaimState {
  const why = refusals.find((refusal) => refusal === code)
  // Once the device is claimed no code is asked for any more.
  if (why === undefined || isLive(state)) return { ...state, busy: false, problem: message }
  return { ...state, busy: false, step: { at: 'refused', why, until_ms: now_ms + (retry_after_s ?? 0) * 1000, own: device } }
}

function take(before: ClaimState, claim: Claim, answered: boolean): ClaimState {
  const { step } = before
  const state: ClaimState = { ...before, id: claim.device.id, device: claim.device, problem: null }
  const over = { ...state, stopping: false }
  if (claim.state === 'proven') return { ...over, step: { at: 'done', reading: step.at === 'asked' ? step.reading : null } }
  if (claim.state === 'cancelled') return { ...over, step: { at: 'stopped' } }
  if (claim.credentials !== null) return { ...state, step: { at: 'settings', credentials: claim.credentials } }
  const [newest] = claim.candidates
  if (newest === undefined) return { ...state, step: quiet(step, claim, answered) }
  const isNews = answered || step.at !== (newest.confirmable ? 'asked' : 'again')
  if (!isNews) return state
  if (!newest.confirmable) return { ...over, aside: false, step: { at: 'again' } }
  return { ...over, aside: false, step: { at: 'asked', reading: newest } }
}

/** Nothing to ask about: waiting, or why nothing came. */
function quiet(before: Step, { trouble }: Claim, answered: boolean): Step {
  // Settings take their time to be typed.
  if (!answered && before.at === 'settings') return before
  return trouble === null ? { at: 'waiting' } : { at: 'trouble', ...trouble }
}
