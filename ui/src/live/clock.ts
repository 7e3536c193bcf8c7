/** Server time without trusting this machine's clock: the last instant the server told, plus what passed here since. */

export interface Reference {
  server_ms: number
  heard: Instant
}

/** One local moment on two clocks: `steady` stops while some machines sleep, `wall` can be set by hand. */
export interface Instant {
  steady_ms: number
  wall_ms: number
}

export function instant(): Instant {
  return { steady_ms: performance.now(), wall_ms: Date.now() }
}

/** The larger of both clocks' answers: after a sleep or a clock change a value may look older, never fresher. */
export function elapsed_ms(from: Instant, to: Instant): number {
  return Math.max(to.steady_ms - from.steady_ms, to.wall_ms - from.wall_ms, 0)
}

export function serverNow_ms(reference: Reference | null, now: Instant): number {
  return reference === null ? now.wall_ms : reference.server_ms + elapsed_ms(reference.heard, now)
}
