/** The live picture as a pure fold over the stream's events. */
import type { Alert, Counts, LiveEvent, Row, SilentGateway, Worklist } from '../api/types'
import type { Instant, Reference } from './clock'

export interface LiveState {
  /** A whole worklist has arrived; before that rows may be incomplete. */
  loaded: boolean
  simulated: boolean
  rows: ReadonlyMap<string, Row>
  /** Server time (ms) at which each row was true: an older snapshot never overwrites a newer row. */
  asOf: ReadonlyMap<string, number>
  counts: Counts
  /** Gateways that are silent now. */
  gateways: readonly SilentGateway[]
  clock: Reference | null
  /** The stream's last event of any kind; null before the first. */
  heard: Instant | null
  lag_s: number
}

export const empty: LiveState = {
  loaded: false,
  simulated: false,
  rows: new Map(),
  asOf: new Map(),
  counts: { high: 0, medium: 0, low: 0, technical: 0, no_data: 0, patients: 0 },
  gateways: [],
  clock: null,
  heard: null,
  lag_s: 0,
}

/** After this long without any event the values on the page can no longer be called live (three missed heartbeats). */
export const lost_after_ms = 15_000

/** One event from the stream. */
export function reduce(state: LiveState, event: LiveEvent, at: Instant): LiveState {
  const heard = { ...state, heard: at }
  switch (event.type) {
    case 'snapshot':
      return takeWorklist(heard, event.data, at)
    case 'vitals': {
      const told = Date.parse(event.data.server_time)
      const { counts, gateways = state.gateways } = event.data
      const next = { ...setClock(heard, event.data.server_time, at), counts, gateways }
      return event.data.rows.length === 0 ? next : { ...next, ...putRows(state, event.data.rows, told) }
    }
    case 'alert':
      return takeAlert(heard, event.data)
    case 'hb':
      return { ...setClock(heard, event.data.server_time, at), lag_s: event.data.lag_s }
    case 'resync':
      return heard
  }
}

/** A whole worklist, from the stream or from a request. */
export function takeWorklist(state: LiveState, list: Worklist, at: Instant): LiveState {
  const told = Date.parse(list.server_time)
  const rows = new Map<string, Row>()
  const asOf = new Map<string, number>()
  for (const row of list.rows) {
    const newer = (state.asOf.get(row.patient) ?? 0) > told ? state.rows.get(row.patient) : undefined
    rows.set(row.patient, newer ?? row)
    asOf.set(row.patient, newer === undefined ? told : (state.asOf.get(row.patient) ?? told))
  }
  const known = state.clock !== null && state.clock.server_ms > told
  const counts = known && state.loaded ? state.counts : list.counts
  return { ...setClock(state, list.server_time, at), loaded: true, simulated: list.simulated, rows, asOf, counts, gateways: list.gateways }
}

/** An alert as it is now; a row that shows it changes with it, its place is the server's to say. */
export function takeAlert(state: LiveState, alert: Alert): LiveState {
  if (alert.patient === null) return takeGatewayAlert(state, alert)
  const row = state.rows.get(alert.patient)
  if (row?.alert?.id !== alert.id) return state
  const rows = new Map(state.rows)
  rows.set(alert.patient, { ...row, alert })
  return { ...state, rows }
}

/** Which gateways are silent is the server's to say: an alert changes only where it is shown. */
function takeGatewayAlert(state: LiveState, alert: Alert): LiveState {
  if (!state.gateways.some((silent) => silent.gateway === alert.gateway)) return state
  return { ...state, gateways: state.gateways.map((silent) => (silent.gateway === alert.gateway ? { ...silent, alert } : silent)) }
}

function putRows(state: LiveState, changed: readonly Row[], told: number): Pick<LiveState, 'rows' | 'asOf'> {
  const rows = new Map(state.rows)
  const asOf = new Map(state.asOf)
  for (const row of changed) {
    if ((asOf.get(row.patient) ?? 0) > told) continue
    rows.set(row.patient, row)
    asOf.set(row.patient, told)
  }
  return { rows, asOf }
}

function setClock(state: LiveState, serverTime: string, at: Instant): LiveState {
  return { ...state, clock: { server_ms: Date.parse(serverTime), heard: at } }
}
