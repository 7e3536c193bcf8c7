import { Modal } from '@mantine/core'
import { useState, type SyntheticEvent } from 'react'
import type { Alert, OutcomeCode } from '../../api/types'
import { subjectText } from '../../format/format'
import { Choices } from '../forms/Choices'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'
import { Note } from '../forms/Note'
import { outcomes } from './outcomes'

interface Props {
  alert: Alert
  pending: boolean
  problem: string | undefined
  onClose: () => void
  onChosen: (outcome: OutcomeCode, note: string) => void
}

/** Asks what the alert was; closing acknowledges it too. */
export function CloseDialog({ alert, pending, problem, onClose, onChosen }: Props) {
  const [outcome, setOutcome] = useState<OutcomeCode | null>(null)
  const [note, setNote] = useState('')
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (outcome !== null) onChosen(outcome, note)
  }
  return (
    <Modal opened onClose={onClose} title="Close the alert" size="md">
      <form className={forms.form} onSubmit={submit} data-testid="close-dialog">
        <p className={forms.about}>
          <strong>{alert.title}</strong>, {subjectText(alert)}
        </p>
        <Choices legend="What was it?" choices={outcomes} value={outcome} onChange={setOutcome} />
        <Note value={note} onChange={setNote} />
        <FormEnd
          problem={problem}
          action={alert.acknowledged_by === null ? 'Acknowledge and close' : 'Close'}
          pending={pending}
          onCancel={onClose}
        />
      </form>
    </Modal>
  )
}
