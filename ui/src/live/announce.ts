/** What is spoken aloud: new high alerts only, never vitals, at most once in ten seconds. */
import type { Alert } from '../api/types'
import { subjectText } from '../format/format'

export const quiet_ms = 10_000
// Ids are remembered so that a replay after a reconnect stays silent; a thousand is more than a stream replays.
const seen_max = 1_000

export interface Announcer {
  seen: readonly string[]
  waiting: readonly Alert[]
  spoken_ms: number | null
}

export const silent: Announcer = { seen: [], waiting: [], spoken_ms: null }

export function isNewHigh(alert: Alert): boolean {
  return alert.priority === 'high' && alert.condition === 'active' && alert.acknowledged_by === null && !alert.late
}

export function hear(state: Announcer, alert: Alert): Announcer {
  if (!isNewHigh(alert) || state.seen.includes(alert.id)) return state
  return { ...state, seen: [...state.seen, alert.id].slice(-seen_max), waiting: [...state.waiting, alert] }
}

/** The sentence that is due now, if any. */
export function speak(state: Announcer, now_ms: number): [Announcer, string | null] {
  const due = state.spoken_ms === null || now_ms - state.spoken_ms >= quiet_ms
  const [first] = state.waiting
  if (first === undefined || !due) return [state, null]
  const who = subjectText(first)
  const text =
    state.waiting.length === 1
      ? `New high alert. ${who}: ${first.title}`
      : `${String(state.waiting.length)} new high alerts. First: ${who}: ${first.title}`
  return [{ ...state, waiting: [], spoken_ms: now_ms }, text]
}
