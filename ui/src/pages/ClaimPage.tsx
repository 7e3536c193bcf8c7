import { useEffect, useRef, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { usePatient } from '../api/queries'
import { clockText, unitText } from '../format/format'
import { Again } from '../components/claim/Again'
import { Asked } from '../components/claim/Asked'
import { lastBegun } from '../components/claim/begun'
import { Box } from '../components/claim/Box'
import { Choose } from '../components/claim/Choose'
import styles from '../components/claim/Claim.module.css'
import { shownCode } from '../components/claim/code'
import { Ended } from '../components/claim/Ended'
import { EnterCode } from '../components/claim/EnterCode'
import { ForWhom } from '../components/claim/ForWhom'
import { HelpLine } from '../components/claim/HelpLine'
import type { ClaimState } from '../components/claim/machine'
import { Refused } from '../components/claim/Refused'
import { Settings } from '../components/claim/Settings'
import { Stopping } from '../components/claim/Stopping'
import { Trouble } from '../components/claim/Trouble'
import { useClaim, type Claiming } from '../components/claim/useClaim'
import { Waiting } from '../components/claim/Waiting'
import { troubleTitles } from '../components/claim/words'
import { useSignedIn } from '../components/shell/useSignedIn'
import { ErrorState } from '../components/states/ErrorState'
import { PageSkeleton } from '../components/states/PageSkeleton'
import { useTitle } from './useTitle'

interface Props {
  /** A claim that was begun. */
  device: string | null
}

/** From a code to the first reading, one question at a time. */
export default function ClaimPage({ device }: Props) {
  useTitle('Add a device')
  const me = useSignedIn()
  const [search] = useSearchParams()
  // Staff say for whom; everybody else claims for themselves, whatever the address says.
  const patient = me.role === 'clinician' ? search.get('patient') : me.patient
  const person = usePatient(patient)
  if (patient === null || me.role === 'administrator') return <ForWhom mayClaim={me.role === 'clinician'} />
  if (person.data === undefined) return person.error === null ? <PageSkeleton /> : <ErrorState error={person.error} retry={() => void person.refetch()} />
  const { name, id, zone } = person.data.patient
  return <Claim begun={device} patient={id} forName={me.role === 'clinician' ? (name ?? id) : null} zone={zone} />
}

interface ClaimProps {
  begun: string | null
  patient: string
  /** Whom staff claim for. */
  forName: string | null
  zone: string
}

function Claim({ begun, patient, forName, zone }: ClaimProps) {
  const me = useSignedIn()
  const [, go] = useLocation()
  const claiming = useClaim(begun, forName === null ? null : patient)
  const { state, tell, look } = claiming
  const [remembered] = useState(() => (begun === null ? lastBegun(me.user) : null))
  const forWhom = forName === null ? '' : `?patient=${encodeURIComponent(patient)}`

  // A scanned code is looked at once; then it leaves the address, which ends in the browser's history.
  const [search, setSearch] = useSearchParams()
  const scanned = useRef(search.get('code'))
  useEffect(() => {
    const code = scanned.current
    if (code === null) return
    scanned.current = null
    tell({ type: 'picked', picture: null })
    tell({ type: 'typed', text: shownCode(code) })
    look(code)
    setSearch((before) => {
      before.delete('code')
      return before
    }, { replace: true })
  }, [tell, look, setSearch])

  // The address is where a reload or a phone that woke up goes on.
  const { id } = state
  useEffect(() => {
    if (id !== null) go(`/claim/${encodeURIComponent(id)}${forWhom}`, { replace: true })
  }, [id, forWhom, go])

  const said = spoken(state, zone)
  return (
    <div className={styles.page} data-testid="claim" data-step={state.stopping ? 'stopping' : state.step.at}>
      {forName !== null && <p className={styles.forWhom}>For {forName}</p>}
      <ClaimStep
        claiming={claiming}
        zone={zone}
        begun={remembered}
        home={`/patients/${encodeURIComponent(patient)}`}
        onRestart={() => {
          tell({ type: 'restart' })
          go(`/claim${forWhom}`)
        }}
      />
      <HelpLine />
      <p className="sr-only" role="status" data-testid="claim-said">{said}</p>
    </div>
  )
}

interface StepProps {
  claiming: Claiming
  zone: string
  /** A claim that was begun on this phone. */
  begun: string | null
  home: string
  onRestart: () => void
}

function ClaimStep({ claiming, zone, begun, home, onRestart }: StepProps) {
  const { state, tell } = claiming
  const { step, problem } = state
  const picture = state.device?.picture ?? null
  const transport = state.device?.transport ?? 'ble'
  const onStop = () => { tell({ type: 'stop', sure: true }) }
  if (state.stopping) return <Stopping {...claiming} />
  switch (step.at) {
    case 'choose':
      return <Choose onResume={begun === null ? null : () => { tell({ type: 'resume', id: begun }) }} onPick={(picked) => { tell({ type: 'picked', picture: picked }) }} />
    case 'code':
      return <EnterCode {...claiming} />
    case 'refused':
      return <Refused key={step.why} step={step} onResume={(id) => { tell({ type: 'resume', id }) }} home={home} onAgain={() => { tell({ type: 'back' }) }} />
    case 'box':
      return <Box {...claiming} step={step} />
    case 'resuming':
      return problem === null ? <PageSkeleton /> : <p className={styles.problem} role="status">{problem}</p>
    case 'settings':
      return <Settings credentials={step.credentials} onEntered={() => { tell({ type: 'entered' }) }} />
    case 'waiting':
      return <Waiting picture={picture} transport={transport} aside={state.aside} problem={problem} onStop={onStop} />
    case 'trouble':
      return <Trouble key={step.code} step={step} transport={transport} problem={problem} onStop={onStop} />
    case 'asked':
      return <Asked key={step.reading.reading} {...claiming} reading={step.reading} zone={zone} />
    case 'again':
      return <Again picture={picture} problem={problem} onStop={onStop} />
    case 'done':
    case 'stopped':
    case 'gone':
      return <Ended step={step} picture={picture} zone={zone} home={home} onRestart={onRestart} />
  }
}

/** What a screen reader hears when the page goes on by itself. */
function spoken({ step }: ClaimState, zone: string): string {
  if (step.at === 'trouble') return troubleTitles[step.code]
  if (step.at === 'again') return 'We got two readings. Please measure once more.'
  if (step.at === 'done') return 'Done. Your device is added.'
  if (step.at !== 'asked') return ''
  const { text, unit, measured_at } = step.reading
  return `We got ${text} ${unitText(unit)} at ${clockText(Date.parse(measured_at), zone)}. Is this yours?`
}
