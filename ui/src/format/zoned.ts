/** From a wall clock's time in some zone to the instant: the one thing `Intl` does not do. */

// The widest offsets on earth are +14 h and -12 h.
const probe_ms = 15 * 3_600_000

/** "2026-11-22T10:42" as the clock in the zone shows it at that instant. */
export function wallTime(ms: number, zone: string): string {
  const options = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  // Swedish writes dates as ISO does.
  return new Intl.DateTimeFormat('sv-SE', { ...options, timeZone: zone }).format(ms).replace(' ', 'T')
}

/** The instant (ms) of a wall time in the zone; in a repeated hour the earlier one; null in an hour that was skipped. */
export function instantOf(wall: string, zone: string): number | null {
  const asUtc = Date.parse(`${wall}Z`)
  if (Number.isNaN(asUtc)) return null
  const offset = (ms: number) => Date.parse(`${wallTime(ms, zone)}Z`) - Math.floor(ms / 60_000) * 60_000
  const candidates = [offset(asUtc - probe_ms), offset(asUtc + probe_ms)].map((offset_ms) => asUtc - offset_ms).sort((a, b) => a - b)
  return candidates.find((ms) => wallTime(ms, zone) === wall) ?? null
}
