import type { Silence } from '../../api/types'
import { useTicking } from '../../live/hooks'
import { silenceText } from './silenceText'

export function SilentSince({ silence, zone }: { silence: Silence; zone: string }) {
  return <>{useTicking((ms) => silenceText(silence, zone, ms))}</>
}
