import { Modal } from '@mantine/core'
import type { SyntheticEvent } from 'react'
import { useReturnDevice } from '../../api/devices'
import type { FleetDevice } from '../../api/deviceTypes'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'
import { deviceName } from './states'

interface Props {
  device: FleetDevice
  onClose: () => void
  onDone: (said: string) => void
}

export function ReturnDialog({ device, onClose, onDone }: Props) {
  const takeBack = useReturnDevice(device.id)
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    takeBack.mutate(undefined, { onSuccess: () => { onDone(`${device.id} is returned`) } })
  }
  return (
    <Modal opened onClose={onClose} title="Take back" size="md">
      <form className={forms.form} onSubmit={submit} data-testid="return-dialog">
        <p className={forms.about}>
          <strong>{deviceName(device)}</strong>, {device.id}
        </p>
        <p>
          {device.patient === null ? 'It can then be packed again.' : `From now on its readings no longer go to ${device.patient}. What came before stays on the chart.`} Its codes
          stop working.
        </p>
        <FormEnd problem={takeBack.error?.message} action="Take back" pending={takeBack.isPending} onCancel={onClose} />
      </form>
    </Modal>
  )
}
