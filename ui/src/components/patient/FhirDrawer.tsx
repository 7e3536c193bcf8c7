import { Drawer, Skeleton } from '@mantine/core'
import { useObservation } from '../../api/queries'
import styles from './FhirDrawer.module.css'

/** The FHIR resource behind a value, exactly as the API serves it. */
export function FhirDrawer({ observation, onClose }: { observation: string | null; onClose: () => void }) {
  const resource = useObservation(observation)
  return (
    <Drawer opened={observation !== null} onClose={onClose} position="right" size="lg" title="FHIR Observation">
      <p className={styles.path}>GET /fhir/Observation/{observation}</p>
      {resource.data === undefined && resource.error === null && <Skeleton height={320} />}
      {resource.error !== null && <p role="status">{resource.error.message}</p>}
      {resource.data !== undefined && (
        <pre className={styles.json} data-testid="raw-fhir" role="region" aria-label="Resource as JSON" tabIndex={0}>
          {JSON.stringify(resource.data, null, 2)}
        </pre>
      )}
    </Drawer>
  )
}
