import type { Alert } from '../../api/types'
import { durationText, limitText, priorityWord, unitText } from '../../format/format'
import styles from './AlertParts.module.css'
import { metricText } from './metricText'

/** Which rule spoke, and the limits it used at the time. */
export function AlertRule({ alert }: { alert: Alert }) {
  const { limits } = alert
  const unit = unitText(limits.unit)
  const facts: [string, string | null][] = [
    ['Rule', alert.rule],
    ['Version', String(alert.version)],
    ['Priority', priorityWord[alert.priority]],
    ['Watches', metricText(limits.metric)],
    ['Raises at', `${limitText(limits.raise)} ${unit}`],
    ['For at least', limits.for === null ? null : durationText(limits.for)],
    ['Clears at', limits.clear === null ? null : `${limitText(limits.clear)} ${unit}`],
    ['Source', limits.source],
  ]
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => value !== null && value !== '' && (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
