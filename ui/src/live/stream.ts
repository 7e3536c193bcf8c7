/** One EventSource that does not give up: it reconnects after a refusal and after a silence. */
import { lost_after_ms } from './reducer'

export const eventTypes = ['snapshot', 'vitals', 'alert', 'hb', 'resync'] as const

export interface RawEvent {
  type: (typeof eventTypes)[number]
  data: string
}

// The browser itself retries a broken line; these waits are for a server that answered with an error.
const retry_ms = [1_000, 2_000, 5_000, 10_000] as const

/** Opens the stream; returns how to close it. `onRefused` may check whether the sign-in still holds. */
export function openStream(emit: (event: RawEvent) => void, onRefused: () => void): () => void {
  let source: EventSource | null = null
  let retry: ReturnType<typeof setTimeout> | undefined
  let refusals = 0
  let heard_ms = performance.now()

  function connect(): void {
    source?.close()
    heard_ms = performance.now()
    const opened = new EventSource('/api/live')
    source = opened
    for (const type of eventTypes) {
      opened.addEventListener(type, (message: MessageEvent<string>) => {
        refusals = 0
        heard_ms = performance.now()
        emit({ type, data: message.data })
      })
    }
    opened.onerror = () => {
      if (opened.readyState !== EventSource.CLOSED) return
      onRefused()
      clearTimeout(retry)
      retry = setTimeout(connect, retry_ms[Math.min(refusals, retry_ms.length - 1)])
      refusals += 1
    }
  }

  connect()
  const watchdog = setInterval(() => {
    // A line that is open but silent this long is dead somewhere on the way.
    if (source?.readyState !== EventSource.CLOSED && performance.now() - heard_ms > lost_after_ms) connect()
  }, 1_000)
  return () => {
    clearInterval(watchdog)
    clearTimeout(retry)
    source?.close()
  }
}
