import { Modal, TextInput } from '@mantine/core'
import { useState, type SyntheticEvent } from 'react'
import { useMakeDevice } from '../../api/devices'
import type { Transport } from '../../api/deviceTypes'
import { Choices } from '../forms/Choices'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'

const transports = [
  { value: 'ble', label: 'Bluetooth', hint: 'Speaks to the gateway at home.' },
  { value: 'mqtt', label: 'Own connection', hint: 'Wi-Fi or cellular; gets its password when it is claimed.' },
] as const

const fields = [
  { key: 'id', label: 'Device id', isRequired: true },
  { key: 'maker', label: 'Maker', isRequired: true },
  { key: 'model', label: 'Model', isRequired: true },
  { key: 'serial', label: 'Serial number', isRequired: false },
  { key: 'firmware', label: 'Firmware', isRequired: false },
] as const

type Key = (typeof fields)[number]['key']

export function MakeDialog({ onClose, onDone }: { onClose: () => void; onDone: (said: string) => void }) {
  const make = useMakeDevice()
  const [transport, setTransport] = useState<Transport | null>(null)
  const [typed, setTyped] = useState<Record<Key, string>>({ id: '', maker: '', model: '', serial: '', firmware: '' })
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (transport === null) return
    const { id, maker, model, serial, firmware } = typed
    const told = Object.entries({ serial, firmware }).filter(([, text]) => text.trim() !== '')
    const device = { id: id.trim(), transport, maker: maker.trim(), model: model.trim(), ...Object.fromEntries(told) }
    make.mutate(device, { onSuccess: (made) => { onDone(`${made.id} added`) } })
  }
  return (
    <Modal opened onClose={onClose} title="New device" size="md">
      <form className={forms.form} onSubmit={submit} data-testid="make-dialog">
        <Choices legend="How does it send?" choices={transports} value={transport} onChange={setTransport} />
        {fields.map(({ key, label, isRequired }) => (
          <TextInput
            key={key}
            label={isRequired ? label : `${label} (optional)`}
            required={isRequired}
            withAsterisk={false}
            autoComplete="off"
            spellCheck={false}
            value={typed[key]}
            onChange={(event) => {
              const { value } = event.currentTarget
              setTyped((before) => ({ ...before, [key]: value }))
            }}
          />
        ))}
        <FormEnd problem={make.error?.message} action="Add device" pending={make.isPending} onCancel={onClose} />
      </form>
    </Modal>
  )
}
