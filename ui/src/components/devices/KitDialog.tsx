import { Modal, NativeSelect } from '@mantine/core'
import { useState, type SyntheticEvent } from 'react'
import { useKitDevice } from '../../api/devices'
import type { FleetDevice } from '../../api/deviceTypes'
import { useWorklist } from '../../api/queries'
import { useLive } from '../../live/hooks'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'
import { deviceName } from './states'

interface Props {
  device: FleetDevice
  onClose: () => void
  onDone: (said: string) => void
}

/** Reserves the device: nobody else can claim it. */
export function KitDialog({ device, onClose, onDone }: Props) {
  const kit = useKitDevice(device.id)
  const rows = useLive((state) => state.rows)
  useWorklist()
  const [patient, setPatient] = useState(device.patient ?? '')
  const patients = [...rows.values()].map(({ patient: id, name }) => ({ value: id, label: name === null ? id : `${name} (${id})` })).sort((a, b) => a.label.localeCompare(b.label))
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    kit.mutate(patient, { onSuccess: () => { onDone(`${device.id} is packed for ${patient}`) } })
  }
  return (
    <Modal opened onClose={onClose} title="Pack for a patient" size="md">
      <form className={forms.form} onSubmit={submit} data-testid="kit-dialog">
        <p className={forms.about}>
          <strong>{deviceName(device)}</strong>, {device.id}. Only this patient can then add it.
        </p>
        <NativeSelect
          label="Patient"
          required
          withAsterisk={false}
          data-autofocus
          value={patient}
          data={[{ value: '', label: 'Choose', disabled: true }, ...patients]}
          onChange={(event) => { setPatient(event.currentTarget.value) }}
        />
        <FormEnd problem={kit.error?.message} action="Pack" pending={kit.isPending} onCancel={onClose} />
      </form>
    </Modal>
  )
}
