import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { useLocation } from 'wouter'
import { useAcknowledge, usePatient } from '../api/queries'
import { Skeleton } from '@mantine/core'
import { AlertHistory } from '../components/alert/AlertHistory'
import { AlertStrip } from '../components/alert/AlertStrip'
import { DeviceList } from '../components/patient/DeviceList'
import { FhirDrawer } from '../components/patient/FhirDrawer'
import { PatientHeader } from '../components/patient/PatientHeader'
import { VitalTiles } from '../components/patient/VitalTiles'
import { ErrorState } from '../components/states/ErrorState'
import { PageSkeleton } from '../components/states/PageSkeleton'
import { useSignedIn } from '../components/shell/useSignedIn'
import { useShortcuts } from '../keys/useShortcuts'
import { useLive } from '../live/hooks'
import styles from './PatientPage.module.css'
import { useTitle } from './useTitle'

const Trends = lazy(() => import('../components/trends/Trends'))

export function PatientPage({ id }: { id: string }) {
  useTitle('Patient')
  const [, go] = useLocation()
  const me = useSignedIn()
  const patient = usePatient(id)
  const liveRow = useLive((state) => state.rows.get(id))
  const { mutate: acknowledge, isPending } = useAcknowledge()
  const [observation, setObservation] = useState<string | null>(null)
  const close = useCallback(() => { setObservation(null) }, [])

  const open = useMemo(
    () => patient.data?.alerts.filter((alert) => alert.condition === 'active' || alert.acknowledged_by === null).filter((alert) => alert.condition !== 'retracted') ?? [],
    [patient.data],
  )
  const first = open.find((alert) => alert.acknowledged_by === null)
  const mayAcknowledge = me.role === 'clinician'
  useShortcuts(
    useMemo(
      () => ({
        Escape: () => { if (me.role !== 'patient') go('/') },
        a: () => { if (mayAcknowledge && first !== undefined && !isPending) acknowledge(first.id) },
      }),
      [go, me.role, mayAcknowledge, first, acknowledge, isPending],
    ),
  )

  if (patient.data === undefined) {
    return patient.error === null ? <PageSkeleton /> : <ErrorState error={patient.error} retry={() => void patient.refetch()} />
  }
  const { patient: person, alerts, devices } = patient.data
  const row = liveRow ?? patient.data.row
  return (
    <>
      <PatientHeader person={person} />
      <AlertStrip alerts={open} zone={person.zone} />
      <VitalTiles row={row} alerts={open} onRaw={setObservation} />
      <Suspense fallback={<Skeleton height={480} />}>
        <Trends patient={id} zone={person.zone} alerts={alerts} />
      </Suspense>
      <div className={styles.columns}>
        <DeviceList devices={devices} zone={person.zone} />
        <AlertHistory alerts={alerts} zone={person.zone} />
      </div>
      <FhirDrawer observation={observation} onClose={close} />
    </>
  )
}
