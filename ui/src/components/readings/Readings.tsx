import { Button, NativeSelect, Skeleton } from '@mantine/core'
import { RefreshCw } from 'lucide-react'
import { useState } from 'react'
import { readings_page, useReadings } from '../../api/queries'
import type { StoredReading } from '../../api/types'
import { Section } from '../Section'
import { useSignedIn } from '../shell/useSignedIn'
import { ErrorState } from '../states/ErrorState'
import { ReadingRow } from './ReadingRow'
import { families } from './readingText'
import styles from './Readings.module.css'
import { useNewReadings } from './useNewReadings'
import { WrongDialog } from './WrongDialog'

interface Props {
  patient: string
  zone: string
  /** How many entries were saved on this page. */
  added: number
  onRaw: (observation: string) => void
}

/** Every stored reading, newest first: what it was, where it came from, and whether somebody marked it as wrong. */
export function Readings({ patient, zone, added, onRaw }: Props) {
  const me = useSignedIn()
  const [family, setFamily] = useState('')
  const [asked, setAsked] = useState<StoredReading | null>(null)
  const readings = useReadings(patient, family)
  const { waiting, refresh } = useNewReadings(patient, readings.dataUpdatedAt, added)
  const rows = readings.data?.pages.flatMap((page) => page.readings) ?? []
  const vital = families.find(({ value }) => value === family)?.label ?? ''
  return (
    <Section
      title="Readings"
      aside={
        <div className={styles.controls}>
          <Button
            size="xs"
            variant="default"
            className={styles.refresh}
            leftSection={<RefreshCw size={13} aria-hidden />}
            data-waiting={waiting > 0}
            loading={readings.isRefetching}
            onClick={refresh}
          >
            {waiting > 0 ? `${String(waiting)} new` : 'Refresh'}
          </Button>
          <NativeSelect
            size="xs"
            aria-label="Vital to list"
            data={families}
            value={family}
            onChange={(event) => { setFamily(event.currentTarget.value) }}
          />
        </div>
      }
    >
      {readings.isPending && <Skeleton height={320} m={16} w="auto" />}
      {readings.error !== null && <ErrorState error={readings.error} retry={() => void readings.refetch()} />}
      {readings.data !== undefined && rows.length === 0 && (
        <p className={styles.none}>{family === '' ? 'No reading has been stored.' : `${vital}: no reading has been stored.`}</p>
      )}
      {rows.length > 0 && (
        <>
          <div className={styles.scroll} role="region" aria-label="List of readings" tabIndex={0}>
            <table role="table" className={styles.table} data-testid="readings">
              <thead role="rowgroup">
                <tr role="row">
                  <th role="columnheader" scope="col">Measured</th>
                  <th role="columnheader" scope="col">Vital</th>
                  <th role="columnheader" scope="col">Value</th>
                  <th role="columnheader" scope="col">From</th>
                  <th role="columnheader" scope="col">Marks</th>
                  <th role="columnheader" scope="col"><span className="sr-only">Actions</span></th>
                </tr>
              </thead>
              <tbody role="rowgroup">
                {rows.map((reading) => (
                  <ReadingRow
                    key={reading.observation}
                    reading={reading}
                    zone={zone}
                    onRaw={onRaw}
                    onWrong={me.role === 'clinician' ? setAsked : null}
                  />
                ))}
              </tbody>
            </table>
          </div>
          <div className={styles.end}>
            <p role="status">{rows.length} shown{readings.hasNextPage ? '' : ', that is all'}. Times in {zone}.</p>
            {readings.hasNextPage && (
              <Button size="xs" variant="default" className={styles.more} loading={readings.isFetchingNextPage} onClick={() => void readings.fetchNextPage()}>
                Load {readings_page} more
              </Button>
            )}
          </div>
        </>
      )}
      {asked !== null && <WrongDialog patient={patient} reading={asked} zone={zone} onClose={() => { setAsked(null) }} />}
    </Section>
  )
}
