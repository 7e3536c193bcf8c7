import { Button, Modal } from '@mantine/core'
import { useState, type SyntheticEvent } from 'react'
import { useClaimCode } from '../../api/devices'
import type { ClaimCode, CodeKind, FleetDevice } from '../../api/deviceTypes'
import { screenZone, timeText } from '../../format/format'
import { now_ms } from '../../live/store'
import { useTicking } from '../../live/hooks'
import { Choices } from '../forms/Choices'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'
import styles from './Devices.module.css'
import { Qr } from './Qr'
import { deviceName } from './states'

const kinds = [
  { value: 'screen', label: 'On this screen', hint: 'The patient is here or on the phone. Works for 15 minutes.' },
  { value: 'printed', label: 'On paper', hint: 'Goes into the box. Works until it is used, at most 90 days.' },
] as const

interface Props {
  device: FleetDevice
  onClose: () => void
}

/** Makes a code and shows it this once. */
export function CodeDialog({ device, onClose }: Props) {
  const ask = useClaimCode(device.id)
  const [kind, setKind] = useState<CodeKind | null>(null)
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (kind !== null) ask.mutate(kind)
  }
  return (
    <Modal opened onClose={onClose} title="Claim code" size="md">
      {ask.data === undefined ? (
        <form className={forms.form} onSubmit={submit} data-testid="code-dialog">
          <p className={forms.about}>
            <strong>{deviceName(device)}</strong>, {device.id}{device.patient !== null && <>, for {device.patient}</>}. A new code ends the old one.
          </p>
          <Choices legend="Where will the patient see it?" choices={kinds} value={kind} onChange={setKind} />
          <FormEnd problem={ask.error?.message} action="Make the code" pending={ask.isPending} onCancel={onClose} />
        </form>
      ) : <Code device={device} made={ask.data} onAgain={() => { ask.reset() }} />}
    </Modal>
  )
}

function Code({ device, made, onAgain }: { device: FleetDevice; made: ClaimCode; onAgain: () => void }) {
  const over = useTicking((ms) => ms > Date.parse(made.expires_at))
  // The server's address may be relative to where this page came from.
  const url = new URL(made.url, window.location.href).href
  if (over) {
    return (
      <div className={styles.card} data-testid="code-over">
        <p>This code has expired.</p>
        <Button onClick={onAgain}>Make a new one</Button>
      </div>
    )
  }
  return (
    <div className={styles.card} data-testid="code-card" data-print>
      <p><strong>{deviceName(device)}</strong></p>
      <Qr text={url} label={`QR code of ${made.code}`} />
      <p className={styles.bigCode} data-testid="claim-code">{made.code}</p>
      <p>Point the phone&rsquo;s camera at the square, or open <span className={styles.address}>{new URL('/claim', url).href}</span> and type the code.</p>
      <p className={styles.expires}>Works once, until {timeText(made.expires_at, screenZone(), now_ms())}. It is shown only now.</p>
      <Button className={styles.print} variant="default" onClick={() => { window.print() }}>Print</Button>
    </div>
  )
}
