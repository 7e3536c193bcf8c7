/** One stream for all tabs of a browser: HTTP/1.1 allows six connections a host, and a seventh tab would hang. */
import { openStream, type RawEvent } from './stream'

const name = 'vitalstream-live'
// A visible tab takes over from a leader that says nothing for longer than one heartbeat (5 s), well before values go grey (15 s).
const muted_after_ms = 8_000

/** Delivers every event of the stream, led by one tab that holds a lock; without locks each tab has its own stream. */
export function openShared(deliver: (event: RawEvent) => void, onRefused: () => void): () => void {
  // Both are missing on plain http away from localhost.
  const locks = (navigator as { locks?: LockManager }).locks
  if (locks === undefined || typeof BroadcastChannel === 'undefined') return openStream(deliver, onRefused)
  return joinTabs(locks, deliver, onRefused)
}

function joinTabs(locks: LockManager, deliver: (event: RawEvent) => void, onRefused: () => void): () => void {
  const channel = new BroadcastChannel(name)
  let heard_ms = performance.now()
  let stopLeading: (() => void) | null = null
  let waiting: AbortController | null = null
  let closed = false

  channel.onmessage = (message: MessageEvent<RawEvent>) => {
    heard_ms = performance.now()
    deliver(message.data)
  }

  function lead(): Promise<void> {
    if (closed) return Promise.resolve()
    waiting = null
    const closeStream = openStream((event) => {
      deliver(event)
      channel.postMessage(event)
    }, onRefused)
    return new Promise((release) => {
      stopLeading = () => {
        stopLeading = null
        closeStream()
        release()
      }
    })
  }

  function queue(): void {
    const turn = new AbortController()
    waiting = turn
    locks.request(name, { signal: turn.signal }, lead).catch(() => {
      lostTo(turn)
    })
  }

  /** Our request ended early: aborted by ourselves, or the lock was stolen by a tab that is awake. */
  function lostTo(turn: AbortController | null): void {
    if (closed || turn?.signal.aborted === true) return
    stopLeading?.()
    heard_ms = performance.now()
    queue()
  }

  function steal(): void {
    waiting?.abort()
    heard_ms = performance.now()
    locks.request(name, { steal: true }, lead).catch(() => {
      lostTo(null)
    })
  }

  queue()
  const watch = setInterval(() => {
    const muted = performance.now() - heard_ms > muted_after_ms
    if (stopLeading === null && muted && document.visibilityState === 'visible') steal()
  }, 1_000)
  return () => {
    closed = true
    clearInterval(watch)
    waiting?.abort()
    stopLeading?.()
    channel.close()
  }
}
