import { Button, TextInput } from '@mantine/core'
import { Plus, Search } from 'lucide-react'
import { useCallback, useState } from 'react'
import { useFleet } from '../api/devices'
import type { FleetDevice } from '../api/deviceTypes'
import { CodeDialog } from '../components/devices/CodeDialog'
import { DeviceRow, type DeviceAct } from '../components/devices/DeviceRow'
import styles from '../components/devices/Devices.module.css'
import { Gateways } from '../components/devices/Gateways'
import { KitDialog } from '../components/devices/KitDialog'
import { MakeDialog } from '../components/devices/MakeDialog'
import { ReturnDialog } from '../components/devices/ReturnDialog'
import { stateWords } from '../components/devices/states'
import { Said } from '../components/Said'
import { ErrorState } from '../components/states/ErrorState'
import { PageSkeleton } from '../components/states/PageSkeleton'
import { useTitle } from './useTitle'

type Open = { act: 'make' } | { act: DeviceAct; device: FleetDevice } | null

/** Every device, with whoever has it, and the claims that stand still on top. */
export default function DevicesPage() {
  useTitle('Devices')
  const fleet = useFleet()
  const [text, setText] = useState('')
  const [open, setOpen] = useState<Open>(null)
  const [said, setSaid] = useState('')
  const unsay = useCallback(() => { setSaid('') }, [])
  if (fleet.data === undefined) return fleet.error === null ? <PageSkeleton /> : <ErrorState error={fleet.error} retry={() => void fleet.refetch()} />
  const found = fleet.data.filter((device) => matches(device, text)).sort(stuckFirst)
  const close = () => { setOpen(null) }
  const done = (what: string) => {
    close()
    setSaid(what)
  }
  return (
    <>
      <div className={styles.top}>
        <h1>Devices</h1>
        <TextInput
          className={styles.search}
          type="search"
          aria-label="Search devices by id, model, serial number, patient or state"
          placeholder="Search"
          leftSection={<Search size={16} aria-hidden />}
          value={text}
          onChange={(event) => { setText(event.currentTarget.value) }}
        />
        <Button className={styles.make} leftSection={<Plus size={16} aria-hidden />} onClick={() => { setOpen({ act: 'make' }) }}>New device</Button>
      </div>
      {fleet.error !== null && <p className={styles.old} role="status">{fleet.error.message} What you see may be old.</p>}
      <Gateways />
      {fleet.data.length === 0 && <p className={styles.nothing}>No devices yet. Add the first one, pack it for a patient, and give out its code.</p>}
      {fleet.data.length > 0 && found.length === 0 && <p className={styles.nothing} role="status">No device matches &ldquo;{text}&rdquo;.</p>}
      {found.length > 0 && (
        <table role="table" className={styles.table} data-testid="devices">
          <caption className="sr-only">Devices, those that are stuck first</caption>
          <thead role="rowgroup">
            <tr role="row">
              {['Device', 'State', 'Patient', 'Battery', 'Last seen', 'Signal'].map((head) => <th key={head} role="columnheader" scope="col">{head}</th>)}
              <th role="columnheader" scope="col"><span className="sr-only">What to do</span></th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {found.map((device) => <DeviceRow key={device.id} device={device} onAct={(act) => { setOpen({ act, device }) }} />)}
          </tbody>
        </table>
      )}
      {open?.act === 'make' && <MakeDialog onClose={close} onDone={done} />}
      {open?.act === 'kit' && <KitDialog device={open.device} onClose={close} onDone={done} />}
      {open?.act === 'code' && <CodeDialog device={open.device} onClose={close} />}
      {open?.act === 'return' && <ReturnDialog device={open.device} onClose={close} onDone={done} />}
      <Said text={said} onOver={unsay} />
    </>
  )
}

function matches({ id, maker, model, serial, patient, state }: FleetDevice, text: string): boolean {
  const words = text.trim().toLowerCase()
  return [id, maker, model, serial, patient, stateWords[state]].some((part) => part?.toLowerCase().includes(words))
}

/** Who waits longest is helped first; all others keep their place by id. */
function stuckFirst(a: FleetDevice, b: FleetDevice): number {
  const since = ({ stuck }: FleetDevice) => (stuck === null ? Infinity : Date.parse(stuck.since))
  return since(a) === since(b) ? a.id.localeCompare(b.id) : since(a) - since(b)
}
