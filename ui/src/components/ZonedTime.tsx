import { fullTimeText, timeText } from '../format/format'
import { useTicking } from '../live/hooks'

/** An instant in the patient's zone; the whole of it on hover. */
export function ZonedTime({ at, zone }: { at: string; zone: string }) {
  const text = useTicking((ms) => timeText(at, zone, ms))
  return (
    <time dateTime={at} title={fullTimeText(at, zone)}>
      {text}
    </time>
  )
}
