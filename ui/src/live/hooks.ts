import { useEffect, useSyncExternalStore } from 'react'
import type { LiveEvent, Tile } from '../api/types'
import { ageText, freshness } from '../format/format'
import { elapsed_ms, instant } from './clock'
import { lost_after_ms, type LiveState } from './reducer'
import { liveState, now_ms, onEvent, onTick, subscribe } from './store'

/** A part of the live picture; `select` must return the same object while nothing it reads has changed. */
export function useLive<T>(select: (state: LiveState) => T): T {
  return useSyncExternalStore(subscribe, () => select(liveState()))
}

/** Text or a number that depends on the passing of time; draws again only when it changes. */
export function useTicking<T extends string | number | boolean>(read: (server_ms: number) => T): T {
  return useSyncExternalStore(onTick, () => read(now_ms()))
}

export function useLiveEvents(listener: (event: LiveEvent) => void): void {
  useEffect(() => onEvent(listener), [listener])
}

/** Seconds since the stream's last event, or null before the stream began. */
export function useSilence_s(): number | null {
  const silence = useTicking(() => {
    const { heard } = liveState()
    return heard === null ? -1 : Math.floor(elapsed_ms(heard, instant()) / 1000)
  })
  useLive((state) => state.heard) // an event resets the count at once, not at the next tick
  return silence < 0 ? null : silence
}

export function useStreamLost(): boolean {
  return useTicking(() => {
    const { heard } = liveState()
    return heard !== null && elapsed_ms(heard, instant()) > lost_after_ms
  })
}

/** How fresh a vital is at this second, and its age in words. */
export function useFreshness(tile: Pick<Tile, 'measured_at' | 'age_limit_s'>): { state: string; age: string } {
  const text = useTicking((server_ms) => {
    if (tile.measured_at === null) return 'none|'
    const age_s = (server_ms - Date.parse(tile.measured_at)) / 1000
    return `${freshness(tile.measured_at, tile.age_limit_s, server_ms)}|${ageText(age_s)}`
  })
  const [state = 'none', age = ''] = text.split('|')
  return { state, age }
}
