import 'uplot/dist/uPlot.min.css'
import { Button, SegmentedControl, Skeleton } from '@mantine/core'
import { useMemo, useState } from 'react'
import { useSearchParams } from 'wouter'
import { useSeries } from '../../api/queries'
import type { Alert } from '../../api/types'
import { useTicking } from '../../live/hooks'
import { useLiveSeries } from '../../live/useLiveSeries'
import { Section } from '../Section'
import { ErrorState } from '../states/ErrorState'
import { AlertLane } from './AlertLane'
import { toPanels } from './panels'
import { TrendPanel } from './TrendPanel'
import { TrendTable } from './TrendTable'
import styles from './Trends.module.css'

const ranges = [
  { value: '1', label: '1 h' },
  { value: '6', label: '6 h' },
  { value: '24', label: '24 h' },
  { value: '168', label: '7 d' },
  { value: '720', label: '30 d' },
]

const hour_ms = 3_600_000
// Fine enough for the shortest range, where a pixel is some 20 s.
const step_ms = 10_000

export default function Trends({ patient, zone, alerts }: { patient: string; zone: string; alerts: Alert[] }) {
  const [query, setQuery] = useSearchParams()
  const [asTable, setAsTable] = useState(false)
  const asked = query.get('hours') ?? ''
  const range = ranges.find(({ value }) => value === asked) ?? { value: '6', label: '6 h' }
  const hours = Number(range.value)
  const series = useSeries(patient, hours)
  useLiveSeries(patient, hours)
  const to_ms = useTicking((ms) => Math.ceil(ms / step_ms) * step_ms)
  const from_ms = to_ms - hours * hour_ms
  const panels = useMemo(() => toPanels(series.data?.series ?? []), [series.data])
  return (
    <Section
      title="Trends"
      aside={
        <div className={styles.controls}>
          <Button variant="default" size="xs" className={styles.asTable} aria-pressed={asTable} onClick={() => { setAsTable(!asTable) }}>
            {asTable ? 'View as chart' : 'View as table'}
          </Button>
          <SegmentedControl
            className={styles.ranges}
            aria-label="Range of the trends"
            size="xs"
            transitionDuration={0}
            data={ranges}
            value={range.value}
            onChange={(value) => { setQuery({ hours: value }, { replace: true }) }}
          />
        </div>
      }
    >
      {series.data === undefined && series.error === null && <Skeleton height={420} m={16} w="auto" />}
      {series.error !== null && <ErrorState error={series.error} retry={() => void series.refetch()} />}
      {series.data !== undefined && panels.length === 0 && (
        <p className={styles.nothing} data-testid="no-data">
          No readings in the last {range.label}. Silence does not mean that all is well: check the devices below, or choose a longer range.
        </p>
      )}
      {panels.length > 0 && !asTable && (
        <div className={styles.panels}>
          <AlertLane alerts={alerts} from_ms={from_ms} to_ms={to_ms} />
          {panels.map((panel, i) => (
            <TrendPanel key={panel.metric} panel={panel} zone={zone} from_ms={from_ms} to_ms={to_ms} last={i === panels.length - 1} />
          ))}
          <p className={styles.zone}>Times in {zone}. Straight coloured lines are alert limits; a break in a curve is a silence; a cross is a reading in doubt; a hollow cross struck through was marked as wrong and counts for nothing.</p>
        </div>
      )}
      {panels.length > 0 && asTable && (
        <div className={styles.tables}>
          {panels.map((panel) => <TrendTable key={panel.metric} panel={panel} zone={zone} now_ms={to_ms} />)}
        </div>
      )}
    </Section>
  )
}
