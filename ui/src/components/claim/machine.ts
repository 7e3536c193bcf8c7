/** The claim as a state machine: pure, so that every turn it can take is a test. */
import type { Candidate, Claim, ClaimDevice, Credentials, TroubleCode } from '../../api/deviceTypes'
import { continues, isDoubtful, mainReading, measurements, type Measurement } from './measurements'

export const refusals = ['wrong-code', 'used-code', 'expired-code', 'other-patient', 'slow-down'] as const
export type Refusal = (typeof refusals)[number]

export type Step =
  | { at: 'choose' }
  | { at: 'code' }
  /** `until_ms`: before that the server does not want to be asked. */
  | { at: 'refused'; why: Refusal; until_ms: number }
  | { at: 'box'; code: string; device: ClaimDevice }
  /** Somebody comes back to a claim that was begun. */
  | { at: 'resuming' }
  | { at: 'settings'; credentials: Credentials }
  | { at: 'waiting' }
  | { at: 'trouble'; code: TroubleCode; text: string }
  | { at: 'asked'; reading: Candidate; measurement: Measurement }
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
  /** Readings that were said to be somebody else's. */
  aside: readonly string[]
  /** Only what was measured later can be asked about. */
  after_ms: number
  /** "Do you want to stop?" is on the screen. */
  stopping: boolean
}

export interface Failure {
  code: string
  message: string
  retry_after_s: number | null
}

export type ClaimEvent =
  | { type: 'picked'; picture: string | null }
  | { type: 'typed'; text: string }
  | { type: 'back' }
  | { type: 'sent' }
  | { type: 'found'; code: string; device: ClaimDevice }
  | { type: 'failed'; failure: Failure; now_ms: number }
  /** The claim as the server answered it; `aside`: the reading that the answer is about. */
  | { type: 'took'; claim: Claim; aside?: string }
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
  aside: [],
  after_ms: -Infinity,
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
      return take({ ...state, busy: false, stopping: false, aside: event.aside === undefined ? state.aside : [...state.aside, event.aside] }, event.claim, true)
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

function fail(state: ClaimState, { code, message, retry_after_s }: Failure, now_ms: number): ClaimState {
  const why = refusals.find((refusal) => refusal === code)
  // Once the device is claimed only `slow-down` could come, and then the same button is the way on.
  if (why === undefined || isLive(state)) return { ...state, busy: false, problem: message }
  return { ...state, busy: false, step: { at: 'refused', why, until_ms: now_ms + (retry_after_s ?? 0) * 1000 } }
}

function take(before: ClaimState, claim: Claim, answered: boolean): ClaimState {
  const state: ClaimState = { ...before, id: claim.device.id, device: claim.device, problem: null }
  if (claim.state === 'proven') return { ...state, stopping: false, step: { at: 'done', reading: before.step.at === 'asked' ? before.step.reading : null } }
  if (claim.state === 'cancelled') return { ...state, stopping: false, step: { at: 'stopped' } }
  if (claim.credentials !== null) return { ...state, step: { at: 'settings', credentials: claim.credentials } }
  const counted = claim.candidates.filter(({ reading, measured_at }) => !state.aside.includes(reading) && Date.parse(measured_at) > state.after_ms)
  const found = measurements(counted)
  if (before.step.at === 'asked' && !answered) return goOnAsking(state, before.step, found)
  const [newest] = found
  if (newest === undefined) return { ...state, step: quiet(before.step, claim, answered) }
  return isDoubtful(found) ? doubt(state, newest) : ask(state, newest)
}

/** Nothing to ask about: waiting, or why nothing came. */
function quiet(before: Step, { trouble }: Claim, answered: boolean): Step {
  // Settings take their time to be typed; whoever was asked to measure again knows what to do.
  if (!answered && (before.at === 'settings' || before.at === 'again')) return before
  if (trouble !== null) return { at: 'trouble', ...trouble }
  return before.at === 'waiting' ? before : { at: 'waiting' }
}

/** The value on the screen stays as it is until it is answered, unless somebody measures anew meanwhile. */
function goOnAsking(state: ClaimState, step: Extract<Step, { at: 'asked' }>, found: Measurement[]): ClaimState {
  const { measurement } = step
  const later = found.filter(({ to_ms }) => to_ms > measurement.to_ms).reverse()
  const anew = later.some((each, i) => !continues(i === 0 ? measurement : (later[i - 1] ?? measurement), each))
  const last = later.at(-1)
  if (last === undefined) return state
  return anew ? doubt(state, last) : { ...state, step: { ...step, measurement: { ...measurement, to_ms: last.to_ms } } }
}

function doubt(state: ClaimState, newest: Measurement): ClaimState {
  return { ...state, stopping: false, after_ms: newest.to_ms, step: { at: 'again' } }
}

function ask(state: ClaimState, measurement: Measurement): ClaimState {
  const reading = mainReading(measurement, state.device?.picture ?? null)
  return reading === undefined ? state : { ...state, stopping: false, step: { at: 'asked', reading, measurement } }
}
