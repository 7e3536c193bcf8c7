/** The page's one live picture and the ways to watch it. */
import type { Alert, LiveEvent, Worklist } from '../api/types'
import { instant, serverNow_ms } from './clock'
import { empty, reduce, takeAlert, takeWorklist, type LiveState } from './reducer'
import { openShared } from './shared'
import type { RawEvent } from './stream'

type Listener = () => void
type EventListener = (event: LiveEvent) => void

let state: LiveState = empty
const listeners = new Set<Listener>()
const eventListeners = new Set<EventListener>()
const tickListeners = new Set<Listener>()

export function liveState(): LiveState {
  return state
}

export function subscribe(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Every event of the stream as it comes, after the picture has taken it in. */
export function onEvent(listener: EventListener): () => void {
  eventListeners.add(listener)
  return () => eventListeners.delete(listener)
}

/** Once a second while anybody watches: one timer for all ages on the page. */
let ticker: ReturnType<typeof setInterval> | undefined
export function onTick(listener: Listener): () => void {
  tickListeners.add(listener)
  ticker ??= setInterval(() => {
    for (const each of tickListeners) each()
  }, 1_000)
  return () => {
    tickListeners.delete(listener)
    if (tickListeners.size > 0) return
    clearInterval(ticker)
    ticker = undefined
  }
}

export function now_ms(): number {
  return serverNow_ms(state.clock, instant())
}

function set(next: LiveState): void {
  if (next === state) return
  state = next
  for (const listener of listeners) listener()
}

export function loadWorklist(list: Worklist): void {
  set(takeWorklist(state, list, instant()))
}

/** An alert as the server answered it, ahead of the stream's own copy. */
export function putAlert(alert: Alert): void {
  set(takeAlert(state, alert))
}

function deliver({ type, data }: RawEvent): void {
  const event = { type, data: JSON.parse(data) as unknown } as LiveEvent
  set(reduce(state, event, instant()))
  for (const listener of eventListeners) listener(event)
}

/** Starts the stream for one sign-in; what is returned ends it and forgets every patient. */
export function start(onRefused: () => void): () => void {
  state = { ...empty, heard: instant() }
  const close = openShared(deliver, onRefused)
  return () => {
    close()
    set(empty)
  }
}

