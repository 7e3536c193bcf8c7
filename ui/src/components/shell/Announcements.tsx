import { useCallback, useEffect, useRef, useState } from 'react'
import type { LiveEvent } from '../../api/types'
import { hear, silent, speak } from '../../live/announce'
import { onTick } from '../../live/store'
import { useLiveEvents } from '../../live/hooks'

/** The page's only assertive live region. */
export function Announcements() {
  const state = useRef(silent)
  const [text, setText] = useState('')
  const say = useCallback(() => {
    const [next, sentence] = speak(state.current, performance.now())
    state.current = next
    if (sentence !== null) setText(sentence)
  }, [])
  useLiveEvents(
    useCallback(
      (event: LiveEvent) => {
        if (event.type !== 'alert') return
        state.current = hear(state.current, event.data)
        say()
      },
      [say],
    ),
  )
  useEffect(() => onTick(say), [say])
  return (
    <div className="sr-only" role="alert" aria-live="assertive" aria-atomic="true">
      {text}
    </div>
  )
}
