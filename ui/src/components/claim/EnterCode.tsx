import { useId, useRef, useState, type SyntheticEvent } from 'react'
import { Big } from './Big'
import styles from './Claim.module.css'
import { codeProblem, shownCode } from './code'
import type { Claiming } from './useClaim'
import { Screen } from './Screen'
import { nameInside } from './words'

export function EnterCode({ state, tell, look }: Claiming) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [said, setSaid] = useState<string | null>(null)
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    const problem = codeProblem(state.typed)
    setSaid(problem)
    if (problem === null) look(state.typed)
    else input.current?.focus()
  }
  const problem = said ?? state.problem
  return (
    <Screen title="Type the code" drawing="card">
      <p id={`${id}-where`}>
        {state.picture === null ? 'The code is on the card in the box.' : `It is on the card in the box of your ${nameInside(state.picture)}.`} It
        has eight letters, like <span className={styles.sample}>BCDF-GHJK</span>. Or point your phone&rsquo;s camera at the square on the card.
      </p>
      <form className={styles.form} onSubmit={submit} noValidate>
        <label htmlFor={id}>Code</label>
        <input
          ref={input}
          id={id}
          className={styles.code}
          value={state.typed}
          autoComplete="off"
          autoCapitalize="characters"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="go"
          aria-describedby={`${id}-where ${id}-said`}
          aria-invalid={problem !== null}
          onChange={(event) => {
            setSaid(null)
            tell({ type: 'typed', text: event.currentTarget.value })
          }}
          onBlur={() => { tell({ type: 'typed', text: shownCode(state.typed) }) }}
        />
        <p id={`${id}-said`} className={styles.problem} role="status">{problem}</p>
        <Big submits busy={state.busy}>Go on</Big>
        <Big quiet onClick={() => { tell({ type: 'back' }) }}>Back</Big>
      </form>
    </Screen>
  )
}
