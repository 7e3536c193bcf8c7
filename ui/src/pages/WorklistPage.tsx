import { Kbd, TextInput } from '@mantine/core'
import { Search } from 'lucide-react'
import { useMemo, useRef, useState } from 'react'
import { useWorklist } from '../api/queries'
import { GatewayStrip } from '../components/silence/GatewayStrip'
import { ErrorState } from '../components/states/ErrorState'
import { NoPatients } from '../components/states/NoPatients'
import { PageSkeleton } from '../components/states/PageSkeleton'
import { CountStrip } from '../components/worklist/CountStrip'
import { rowKeys, useRowMemory } from '../components/worklist/rowKeys'
import { HeldNotice } from '../components/worklist/HeldNotice'
import { useHeldOrder } from '../components/worklist/useHeldOrder'
import { matches } from '../components/worklist/search'
import { WorklistTable } from '../components/worklist/WorklistTable'
import { useShortcuts } from '../keys/useShortcuts'
import { useLive } from '../live/hooks'
import styles from './WorklistPage.module.css'
import { useTitle } from './useTitle'

export function WorklistPage() {
  useTitle('Worklist')
  const first = useWorklist()
  const loaded = useLive((state) => state.loaded)
  const rows = useLive((state) => state.rows)
  if (!loaded && first.error !== null) return <ErrorState error={first.error} retry={() => void first.refetch()} />
  if (!loaded) return <PageSkeleton />
  if (rows.size === 0) return <NoPatients />
  return <Worklist />
}

function Worklist() {
  const search = useRef<HTMLInputElement>(null)
  const [text, setText] = useState('')
  const { placed, above, changed, release, holding } = useHeldOrder()
  const found = useMemo(() => placed.filter(({ row }) => matches(row, text)), [placed, text])
  useRowMemory()
  useShortcuts({ ...rowKeys, r: release, '/': () => { search.current?.focus() } })
  return (
    <>
      <div className={styles.top}>
        <div>
          <h1 className={styles.title}>Worklist</h1>
          <CountStrip />
        </div>
        <TextInput
          ref={search}
          className={styles.search}
          type="search"
          aria-label="Search patients by name, number or programme"
          placeholder="Search"
          rightSection={<Kbd className={styles.hint} size="xs" aria-hidden>/</Kbd>}
          leftSection={<Search size={16} aria-hidden />}
          value={text}
          onChange={(event) => { setText(event.currentTarget.value) }}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return
            setText('')
            event.currentTarget.blur()
          }}
        />
      </div>
      <HeldNotice changed={changed} onRefresh={release} />
      <GatewayStrip gateways={above.gateways} isBlind={above.isBlind} />
      {/* Only listens whether a pointer or the focus is inside; nothing here acts on them. */}
      <div {...holding}>
        {found.length > 0 && <WorklistTable placed={found} />}
      </div>
      {found.length === 0 && <p className={styles.nothing} role="status">No patient matches &ldquo;{text}&rdquo;. The counts above are of all patients.</p>}
    </>
  )
}
