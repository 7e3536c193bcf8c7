import { Modal } from '@mantine/core'
import { useEffect, useRef, useState, type SyntheticEvent } from 'react'
import { ApiError, isUncertain } from '../../api/client'
import { useAddReadings } from '../../api/writes'
import { countText } from '../../format/format'
import { now_ms } from '../../live/store'
import { FormEnd } from '../forms/FormEnd'
import forms from '../forms/Forms.module.css'
import { useSignedIn } from '../shell/useSignedIn'
import { keepChosen, lastChosen } from './chosen'
import styles from './Entry.module.css'
import { check, checkTime, newEntry, type Checked, type Typed } from './entry'
import { MeasuredAt } from './MeasuredAt'
import { VitalField } from './VitalField'
import { VitalPicker } from './VitalPicker'
import { vitals, type VitalKey } from './vitals'

interface Props {
  patient: string
  name: string
  zone: string
  onClose: () => void
  onSaved: (said: string) => void
}

// A second Enter out of the same impatience is no answer to a question that has just come up.
const reading_time_ms = 800

/** Readings typed in by hand, several in one go; sent once however often Save is pressed. */
export function EntryDialog({ patient, name, zone, onClose, onSaved }: Props) {
  const me = useSignedIn()
  const add = useAddReadings(patient)
  const form = useRef<HTMLFormElement>(null)
  const [entry] = useState(newEntry)
  const [offered] = useState(() => vitals.filter((vital) => me.role === 'clinician' || vital.forStaff !== true))
  const [chosen, setChosen] = useState(lastChosen)
  const [typed, setTyped] = useState<Typed>({})
  const [wall, setWall] = useState<string | null>(null)
  const [left, setLeft] = useState<readonly VitalKey[]>([])
  const [asked, setAsked] = useState<{ text: string; at_ms: number } | null>(null)
  const [said, setSaid] = useState<{ form?: string; time?: string }>({})

  const shown = offered.filter(({ key }) => chosen.includes(key))
  const checked = check(shown.map(({ key }) => key), typed)
  const text = JSON.stringify(checked.readings)
  const isAsked = asked?.text === text && Object.keys(checked.doubts).length > 0
  const refused = refusal(add.error, checked)
  // Sent again it must be the same: another value could be stored beside the first.
  const isFixed = add.isPending || isUncertain(add.error)

  const type = (key: string, value: string) => {
    setTyped((before) => ({ ...before, [key]: value }))
    setSaid({})
    if (add.isError) add.reset()
  }
  const choose = (keys: readonly VitalKey[]) => {
    setChosen(keys)
    keepChosen(keys)
  }
  const point = (vital: string) => form.current?.querySelector<HTMLInputElement>(`[data-vital="${vital}"] input`)?.focus()
  useEffect(() => {
    if (refused.vital !== undefined) point(refused.vital)
  }, [refused.vital])

  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    setLeft(shown.map(({ key }) => key))
    const [problem] = Object.keys(checked.problems)
    const [doubt] = Object.keys(checked.doubts)
    const time: { at?: string; problem?: string } = wall === null ? {} : checkTime(wall, zone, now_ms())
    if (problem !== undefined) point(problem)
    else if (time.problem !== undefined) setSaid({ time: time.problem })
    else if (checked.readings.length === 0) setSaid({ form: 'Enter at least one value.' })
    else if (doubt !== undefined && !isAsked) {
      setAsked({ text, at_ms: event.timeStamp })
      point(doubt)
    } else if (!add.isPending && (doubt === undefined || event.timeStamp - (asked?.at_ms ?? 0) > reading_time_ms)) {
      const readings = checked.readings.map(({ metric, value, unit }) => ({ metric, value, ...(unit === undefined ? {} : { unit }), ...time }))
      add.mutate({ entry, readings }, { onSuccess: ({ accepted }) => { onSaved(`${countText(accepted, 'reading')} added`) } })
    }
  }

  return (
    <Modal opened onClose={onClose} title={`Add readings: ${name}`} size="xl">
      <form ref={form} className={forms.form} onSubmit={submit} noValidate data-testid="entry-dialog">
        <fieldset className={styles.fields} disabled={isFixed}>
          <VitalPicker offered={offered} chosen={chosen} onChoose={choose} />
          <div className={styles.vitals}>
            {shown.map((vital, i) => (
              <VitalField
                key={vital.key}
                vital={vital}
                typed={typed}
                onType={type}
                onLeave={() => { setLeft((before) => [...new Set([...before, vital.key])]) }}
                problem={refused.vital === vital.key ? refused.message : left.includes(vital.key) ? checked.problems[vital.key] : undefined}
                doubt={left.includes(vital.key) ? checked.doubts[vital.key] : undefined}
                first={i === 0}
              />
            ))}
          </div>
          <MeasuredAt
            zone={zone}
            value={wall}
            onChange={(value) => {
              setWall(value)
              setSaid({})
            }}
            problem={said.time}
          />
        </fieldset>
        <FormEnd
          problem={said.form ?? (refused.vital === undefined ? refused.message : undefined)}
          action={isAsked ? 'They are right: save' : 'Save'}
          pending={add.isPending}
          onCancel={onClose}
        />
      </form>
    </Modal>
  )
}

/** What the server said, and of which vital. */
function refusal(error: Error | null, { readings }: Checked): { message?: string; vital?: VitalKey } {
  if (error === null) return {}
  if (isUncertain(error)) return { message: `${error.message} Save again: it is stored once, even if it has arrived already.` }
  const vital = error instanceof ApiError && error.place !== null ? readings[error.place]?.vital : undefined
  return { message: error.message, ...(vital === undefined ? {} : { vital }) }
}
