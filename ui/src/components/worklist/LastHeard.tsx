import { ageText, fullTimeText } from '../../format/format'
import { useTicking } from '../../live/hooks'

/** How long ago something arrived, with the instant itself on hover. */
export function LastHeard({ at, zone }: { at: string | null; zone: string }) {
  const age = useTicking((ms) => (at === null ? 'never' : ageText((ms - Date.parse(at)) / 1000)))
  if (at === null) return <span>never</span>
  return (
    <time className="measured" dateTime={at} title={fullTimeText(at, zone)}>
      {age}
    </time>
  )
}
