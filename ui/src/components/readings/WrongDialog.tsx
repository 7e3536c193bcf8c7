import { Modal } from '@mantine/core'
import { useState, type SyntheticEvent } from 'react'
import { ApiError } from '../../api/client'
import { useMarkWrong } from '../../api/writes'
import type { StoredReading, WrongReason } from '../../api/types'
import { timeText } from '../../format/format'
import { now_ms } from '../../live/store'
import { Choices } from '../forms/Choices'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'
import { Note } from '../forms/Note'
import { ZonedTime } from '../ZonedTime'
import { readingText, sourceText, wrongReasons } from './readingText'

interface Props {
  patient: string
  reading: StoredReading
  zone: string
  onClose: () => void
}

/** Asks why, and says what it does before it does it: nothing takes it back. */
export function WrongDialog({ patient, reading, zone, onClose }: Props) {
  const mark = useMarkWrong(patient)
  const [reason, setReason] = useState<WrongReason | null>(null)
  const [note, setNote] = useState('')
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (reason !== null) mark.mutate({ reading, reason, note }, { onSuccess: onClose })
  }
  return (
    <Modal opened onClose={onClose} title="Mark as wrong" size="md">
      <form className={forms.form} onSubmit={submit} data-testid="wrong-dialog">
        <p className={forms.about}>
          <strong>{reading.label} {readingText(reading)}</strong>, <ZonedTime at={reading.measured_at} zone={zone} />, {sourceText(reading)}
        </p>
        <Choices legend="What is wrong with it?" choices={wrongReasons} value={reason} onChange={setReason} />
        <Note value={note} onChange={setNote} />
        <p className={forms.about}>
          It leaves trends, scores and rules, and its alerts are examined again. It stays readable here with your name. This can&rsquo;t be undone: to
          put a value right, add the right one with &ldquo;Add reading&rdquo;.
        </p>
        <FormEnd problem={problemText(mark.error, zone)} action="Mark as wrong" pending={mark.isPending} onCancel={onClose} />
      </form>
    </Modal>
  )
}

function problemText(error: Error | null, zone: string): string | undefined {
  if (!(error instanceof ApiError) || error.status !== 409) return error?.message
  return `Already marked as wrong by ${error.by ?? 'somebody else'}${error.at === null ? '' : ` at ${timeText(error.at, zone, now_ms())}`}.`
}
