import type { Alert } from '../../api/types'
import { durationText, limitText, priorityWord, unitText } from '../../format/format'
import styles from './AlertParts.module.css'
import { metricText } from './metricText'

/** A comparison gets its unit; a limit that is written in words already says it. */
function withUnit(limit: string | null | undefined, unit: string | null | undefined): string | null {
  if (!limit) return null
  return /^[<>]=?\s*[\d.]+$/.test(limit) ? `${limitText(limit)} ${unitText(unit ?? '')}` : limit
}

/** Which rule spoke, and the limits it used at the time. */
export function AlertRule({ alert }: { alert: Alert }) {
  const { limits } = alert
  const facts: [string, string | null | undefined][] = [
    ['Rule', alert.rule],
    ['Version', String(alert.version)],
    ['Priority', priorityWord[alert.priority]],
    ['Watches', limits.metric && metricText(limits.metric)],
    ['Raises at', withUnit(limits.raise, limits.unit)],
    ['For at least', limits.for && durationText(limits.for)],
    ['Clears at', withUnit(limits.clear, limits.unit)],
    ['Source', limits.source],
  ]
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => value && (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
