import { ArrowLeft } from 'lucide-react'
import { useMemo, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { useAlert, usePatient } from '../api/queries'
import type { Alert } from '../api/types'
import { useAcknowledge } from '../api/writes'
import { Acknowledge } from '../components/alert/Acknowledge'
import { AlertChanges } from '../components/alert/AlertChanges'
import { AlertReadings } from '../components/alert/AlertReadings'
import { AlertRule } from '../components/alert/AlertRule'
import { FhirDrawer } from '../components/patient/FhirDrawer'
import { PriorityMark } from '../components/PriorityMark'
import { Section } from '../components/Section'
import { useSignedIn } from '../components/shell/useSignedIn'
import { ErrorState } from '../components/states/ErrorState'
import { PageSkeleton } from '../components/states/PageSkeleton'
import { ZonedTime } from '../components/ZonedTime'
import { screenZone, subjectText } from '../format/format'
import { pressClose, useShortcuts } from '../keys/useShortcuts'
import styles from './AlertPage.module.css'
import { useTitle } from './useTitle'

export function AlertPage({ id }: { id: string }) {
  useTitle('Alert')
  const alert = useAlert(id)
  if (alert.data !== undefined) return <AlertDetail alert={alert.data} />
  return alert.error === null ? <PageSkeleton /> : <ErrorState error={alert.error} retry={() => void alert.refetch()} />
}

function AlertDetail({ alert }: { alert: Alert }) {
  const [, go] = useLocation()
  const me = useSignedIn()
  const patient = usePatient(alert.patient)
  const { mutate: acknowledge, isPending } = useAcknowledge()
  const [observation, setObservation] = useState<string | null>(null)
  const back = alert.patient === null ? '/' : `/patients/${encodeURIComponent(alert.patient)}`
  const open = alert.acknowledged_by === null
  useShortcuts(
    useMemo(
      () => ({
        Escape: () => { go(back) },
        a: () => { if (open && me.role === 'clinician' && !isPending) acknowledge(alert.id) },
        c: pressClose,
      }),
      [go, back, open, me.role, acknowledge, isPending, alert.id],
    ),
  )
  const person = patient.data?.patient
  // A gateway has no zone; until the patient's is known times are in UTC, and say so.
  const zone = alert.patient === null ? screenZone() : (person?.zone ?? 'UTC')
  return (
    <>
      <Link href={back} className={styles.back}>
        <ArrowLeft size={16} aria-hidden />
        {alert.patient === null ? 'Worklist' : subjectText(alert)}
      </Link>
      <article data-testid={`alert-${alert.id}`}>
        <div className={styles.head}>
          <div>
            <PriorityMark priority={alert.priority} flashing={open && alert.condition === 'active'} quiet={!open} />
            <h1>{alert.title}</h1>
            {alert.patient === null && <p className={styles.when}>{subjectText(alert)}, for every patient behind it</p>}
            <p className={styles.explanation}>{alert.explanation}</p>
            <p className={styles.when}>
              Opened <ZonedTime at={alert.opened_at} zone={zone} />
              {alert.cleared_at !== null && <>, cleared <ZonedTime at={alert.cleared_at} zone={zone} /></>}
              . {conditionText[alert.condition]} Times in {zone}.
            </p>
            {alert.late && <p className={styles.when}>The readings arrived late: this was noticed after it happened.</p>}
          </div>
          <Acknowledge alert={alert} zone={zone} />
        </div>
        <div className={styles.columns}>
          <Section title="Readings">
            <AlertReadings readings={alert.readings} zone={zone} onRaw={setObservation} />
          </Section>
          <Section title="Rule">
            <AlertRule alert={alert} />
          </Section>
          <Section title="What changed its mind">
            <AlertChanges updates={alert.updates} zone={zone} onRaw={setObservation} />
          </Section>
        </div>
      </article>
      <FhirDrawer observation={observation} onClose={() => { setObservation(null) }} />
    </>
  )
}

const conditionText: Record<Alert['condition'], string> = {
  active: 'The condition still holds.',
  cleared: 'Values are back inside the limit.',
  retracted: 'Withdrawn: later readings showed that it should not have been raised.',
}
