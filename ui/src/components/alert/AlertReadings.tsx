import { Braces } from 'lucide-react'
import type { AlertReading } from '../../api/types'
import { unitText, valueText } from '../../format/format'
import { IconButton } from '../IconButton'
import { ZonedTime } from '../ZonedTime'
import styles from './AlertParts.module.css'
import { metricText } from './metricText'

interface Props {
  readings: AlertReading[]
  zone: string
  onRaw: (observation: string) => void
}

/** The measurements that raised the alert. */
export function AlertReadings({ readings, zone, onRaw }: Props) {
  if (readings.length === 0) return <p className={styles.none}>No reading: the alert is about silence.</p>
  return (
    <table className={styles.readings}>
      <thead>
        <tr>
          <th scope="col">Measured</th>
          <th scope="col">What</th>
          <th scope="col">Value</th>
          <th scope="col"><span className="sr-only">FHIR</span></th>
        </tr>
      </thead>
      <tbody>
        {readings.map((reading) => (
          <tr key={`${reading.observation} ${reading.metric}`}>
            <td><ZonedTime at={reading.measured_at} zone={zone} /></td>
            <td>{metricText(reading.metric)}</td>
            <td><strong>{valueText(reading.metric, reading.value)}</strong> {unitText(reading.unit)}</td>
            <td>
              <IconButton label={`${metricText(reading.metric)} ${reading.value}: FHIR resource`} onClick={() => { onRaw(reading.observation) }}>
                <Braces size={14} aria-hidden />
              </IconButton>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
