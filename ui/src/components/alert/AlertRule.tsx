import type { Alert } from '../../api/types'
import { priorityWord } from '../../format/format'
import styles from './AlertParts.module.css'
import { metricText } from './metricText'

/** Which rule spoke, and the limits it used at the time. */
export function AlertRule({ alert }: { alert: Alert }) {
  const { limits } = alert
  const facts: [string, string | null | undefined][] = [
    ['Rule', alert.rule],
    ['Version', String(alert.version)],
    ['Priority', priorityWord[alert.priority]],
    ['Watches', limits.metric && metricText(limits.metric)],
    ['Raises at', limits.raise],
    ['For at least', limits.for],
    ['Clears at', limits.clear],
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
