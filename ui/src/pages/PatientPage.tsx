import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { useLocation } from 'wouter'
import { Button, Skeleton } from '@mantine/core'
import { Plus } from 'lucide-react'
import { usePatient } from '../api/queries'
import { useAcknowledge } from '../api/writes'
import { AlertHistory } from '../components/alert/AlertHistory'
import { AlertStrip } from '../components/alert/AlertStrip'
import { AddDevice } from '../components/claim/AddDevice'
import { DeviceList } from '../components/patient/DeviceList'
import { EntryDialog } from '../components/entry/EntryDialog'
import { FhirDrawer } from '../components/patient/FhirDrawer'
import { PatientHeader } from '../components/patient/PatientHeader'
import { VitalTiles } from '../components/patient/VitalTiles'
import { Readings } from '../components/readings/Readings'
import { Said } from '../components/Said'
import { SilenceNotice } from '../components/silence/SilenceNotice'
import { ErrorState } from '../components/states/ErrorState'
import { PageSkeleton } from '../components/states/PageSkeleton'
import { useSignedIn } from '../components/shell/useSignedIn'
import { pressClose, useShortcuts } from '../keys/useShortcuts'
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
  const [entering, setEntering] = useState(false)
  const [added, setAdded] = useState({ entries: 0, said: '' })
  const unsay = useCallback(() => { setAdded(({ entries }) => ({ entries, said: '' })) }, [])

  const open = useMemo(
    () => patient.data?.alerts.filter((alert) => alert.condition === 'active' || alert.acknowledged_by === null).filter((alert) => alert.condition !== 'retracted') ?? [],
    [patient.data],
  )
  const first = open.find((alert) => alert.acknowledged_by === null)
  const mayAcknowledge = me.role === 'clinician'
  const mayAdd = me.role !== 'administrator'
  useShortcuts(
    useMemo(
      () => ({
        Escape: () => { if (me.role !== 'patient') go('/') },
        a: () => { if (mayAcknowledge && first !== undefined && !isPending) acknowledge(first.id) },
        c: pressClose,
        n: () => { if (mayAdd) setEntering(true) },
      }),
      [go, me.role, mayAcknowledge, mayAdd, first, acknowledge, isPending],
    ),
  )

  if (patient.data === undefined) {
    return patient.error === null ? <PageSkeleton /> : <ErrorState error={patient.error} retry={() => void patient.refetch()} />
  }
  const { patient: person, alerts, devices } = patient.data
  const row = liveRow ?? patient.data.row
  return (
    <>
      <PatientHeader
        person={person}
        action={mayAdd && (
          <Button size="sm" className={styles.add} aria-label="Add reading" title="Add reading (n)" leftSection={<Plus size={16} aria-hidden />} onClick={() => { setEntering(true) }}>
            <span>Add reading</span>
          </Button>
        )}
      />
      <AlertStrip alerts={open} zone={person.zone} />
      {row.silence && <SilenceNotice silence={row.silence} zone={person.zone} />}
      {me.role === 'patient' && <AddDevice />}
      <VitalTiles row={row} alerts={open} onRaw={setObservation} />
      <Suspense fallback={<Skeleton height={480} />}>
        <Trends patient={id} zone={person.zone} alerts={alerts} />
      </Suspense>
      <div className={styles.columns}>
        <DeviceList devices={devices} zone={person.zone} addAt={me.role === 'clinician' ? `/claim?patient=${encodeURIComponent(id)}` : null} />
        <AlertHistory alerts={alerts} zone={person.zone} />
      </div>
      <div className={styles.readings}>
        <Readings patient={id} zone={person.zone} added={added.entries} onRaw={setObservation} />
      </div>
      {entering && (
        <EntryDialog
          patient={id}
          name={person.name ?? person.id}
          zone={person.zone}
          onClose={() => { setEntering(false) }}
          onSaved={(said) => {
            setEntering(false)
            setAdded(({ entries }) => ({ entries: entries + 1, said }))
          }}
        />
      )}
      <Said text={added.said} onOver={unsay} />
      <FhirDrawer observation={observation} onClose={close} />
    </>
  )
}
