import { useCallback, useEffect, useReducer, useRef } from 'react'
import { claims, useClaimProgress } from '../../api/claims'
import { ApiError, isUncertain, request } from '../../api/client'
import type { Claim } from '../../api/deviceTypes'
import { patientKey, queryClient, readingsKey, seriesKey } from '../../api/queries'
import { now_ms } from '../../live/store'
import { useSignedIn } from '../shell/useSignedIn'
import { keepBegun } from './begun'
import { shownCode } from './code'
import { fresh, isLive, resumed, turn, type ClaimEvent, type ClaimState, type Failure } from './machine'

function failureOf(error: unknown): Failure {
  if (error instanceof ApiError) return { code: error.code, message: error.message, retry_after_s: error.more.retry_after_s ?? null, device: error.more.device ?? null }
  return { code: 'unknown', message: 'That did not work. Please try again.', retry_after_s: null, device: null }
}

export interface Claiming {
  state: ClaimState
  tell: (event: ClaimEvent) => void
  look: (typed: string) => void
  claim: (code: string, device: string) => void
  answer: (reading: string, isMine: boolean) => void
  cancel: () => void
}

/** The machine with its server. `patient`: whom staff claim for; null when people claim for themselves. */
export function useClaim(begun: string | null, patient: string | null): Claiming {
  const me = useSignedIn()
  const [state, tell] = useReducer(turn, begun === null ? fresh : resumed(begun))
  const { id } = state
  const live = isLive(state)
  const progress = useClaimProgress(live ? id : null)
  const { data, dataUpdatedAt, error, errorUpdatedAt } = progress

  /** What was heard before an answer knows less than it, also when it is drawn after it. */
  const answered_ms = useRef(0)
  useEffect(() => {
    if (data !== undefined && dataUpdatedAt > answered_ms.current) tell({ type: 'polled', claim: data })
  }, [data, dataUpdatedAt])
  useEffect(() => {
    if (error !== null) tell({ type: 'unheard', failure: failureOf(error) })
  }, [error, errorUpdatedAt])

  const { at } = state.step
  const owner = patient ?? me.patient
  useEffect(() => {
    if (id !== null) keepBegun(me.user, live ? id : null)
  }, [id, live, me.user])
  useEffect(() => {
    // The patient's page learns of the device and of the first reading.
    if (at !== 'done' || owner === null) return
    for (const queryKey of [patientKey(owner), readingsKey(owner), seriesKey(owner, 0).slice(0, 2)]) void queryClient.invalidateQueries({ queryKey })
  }, [at, owner])

  const busy = useRef(false)
  /** One request at a time, however often a button is pressed. */
  const send = useCallback(async (ask: () => Promise<ClaimEvent>) => {
    if (busy.current) return
    busy.current = true
    tell({ type: 'sent' })
    try {
      const event = await ask()
      await queryClient.cancelQueries({ queryKey: ['claim'] })
      answered_ms.current = Date.now()
      tell(event)
    } catch (failure) {
      tell({ type: 'failed', failure: failureOf(failure), now_ms: now_ms() })
    } finally {
      busy.current = false
    }
  }, [])

  const look = useCallback((typed: string) => {
    const code = shownCode(typed)
    void send(async () => ({ type: 'found', code, device: (await claims.look(code, patient)).device }))
  }, [patient, send])
  const claim = useCallback((code: string, device: string) => {
    void send(async () => ({ type: 'took', claim: await claimOnce(code, device, patient) }))
  }, [patient, send])
  const answer = useCallback((reading: string, isMine: boolean) => {
    if (id === null) return
    void send(async () => isMine
      ? { type: 'took', claim: await claims.confirm(id, reading) }
      : { type: 'took', claim: await claims.notMine(id, reading), aside: true })
  }, [id, send])
  const cancel = useCallback(() => {
    if (id === null) return
    void send(async () => ({ type: 'took', claim: await claims.cancel(id) }))
  }, [id, send])

  return { state, tell, look, claim, answer, cancel }
}

/** A code works once: when the answer to the claim was lost, the device may be claimed already. */
async function claimOnce(code: string, device: string, patient: string | null): Promise<Claim> {
  try {
    return await claims.claim(code, patient)
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'used-code') && !isUncertain(error as Error)) throw error
    return request<Claim>(`/api/claims/${encodeURIComponent(device)}`).catch(() => { throw error })
  }
}
