import { ArrowLeft } from 'lucide-react'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { PatientView } from '../../api/types'
import { clockText, dateText, offsetText, personText, programmesText } from '../../format/format'
import { useTicking } from '../../live/hooks'
import { useSignedIn } from '../shell/useSignedIn'
import styles from './PatientHeader.module.css'

/** Who this is, in whose time the page speaks. Stays in sight while the page scrolls. */
export function PatientHeader({ person, action }: { person: PatientView['patient']; action?: ReactNode }) {
  const me = useSignedIn()
  const clock = useTicking((ms) => `${clockText(ms, person.zone)} (${offsetText(person.zone, ms)})`)
  const programmes = programmesText(person.programmes.map((enrolment) => enrolment.programme))
  return (
    <div className={styles.header} data-testid="patient-header">
      {me.role !== 'patient' && (
        <Link href="/" className={styles.back} aria-label="Back to the worklist" title="Back to the worklist (Esc)">
          <ArrowLeft size={18} aria-hidden />
        </Link>
      )}
      <div className={styles.who}>
        <h1>{person.name ?? person.id}</h1>
        <p>
          {personText(person)}
          {person.born !== null && <span className={styles.born}> Born {dateText(person.born)}</span>}
        </p>
      </div>
      <dl className={styles.facts}>
        {person.identifiers.slice(0, 2).map((identifier) => (
          <div key={`${identifier.system}|${identifier.value}`} className={styles.number}>
            <dt>Number</dt>
            <dd title={identifier.system}>{identifier.value}</dd>
          </div>
        ))}
        <div>
          <dt>Programmes</dt>
          <dd>{programmes || 'none'}</dd>
        </div>
        {person.spo2_target !== null && (
          <div>
            <dt>SpO2 target</dt>
            <dd>{person.spo2_target[0]} to {person.spo2_target[1]} %</dd>
          </div>
        )}
        <div>
          <dt>Times in {person.zone}</dt>
          <dd>{clock}</dd>
        </div>
      </dl>
      {action}
    </div>
  )
}
