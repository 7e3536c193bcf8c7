import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useState, type SyntheticEvent } from 'react'
import { useSignIn } from '../api/queries'
import { Footer } from '../components/shell/Footer'
import { Mark } from '../components/shell/Mark'
import { SchemeToggle } from '../components/shell/SchemeToggle'
import styles from './SignInPage.module.css'
import { useTitle } from './useTitle'

export function SignInPage() {
  useTitle('Sign in')
  const signIn = useSignIn()
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const returning = window.location.pathname !== '/'
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    signIn.mutate({ user, password })
  }
  return (
    <div className={styles.page}>
      <div className={styles.scheme}><SchemeToggle /></div>
      <main className={styles.main}>
        <svg className={styles.trace} viewBox="0 0 1200 120" preserveAspectRatio="none" aria-hidden focusable="false">
          <path d="M0 70H180l14-10 14 10h24l8-46 14 84 10-46 6 8h40l18-16 20 16H560l14-10 14 10h24l8-46 14 84 10-46 6 8h40l18-16 20 16H940l14-10 14 10h24l8-46 14 84 10-46 6 8h40l18-16 20 16h92" />
        </svg>
        <form className={styles.card} onSubmit={submit} data-testid="sign-in-form">
          <div className={styles.brand}>
            <Mark size={34} />
            <div>
              <h1>vitalstream</h1>
              <p>Remote patient monitoring</p>
            </div>
          </div>
          {returning && <p className={styles.returning}>Sign in to go on where you were.</p>}
          <TextInput
            label="User"
            name="user"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            withAsterisk={false}
            size="md"
            value={user}
            onChange={(event) => { setUser(event.currentTarget.value) }}
          />
          <PasswordInput
            label="Password"
            name="password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            size="md"
            value={password}
            visibilityToggleButtonProps={{ 'aria-label': 'Show password' }}
            onChange={(event) => { setPassword(event.currentTarget.value) }}
          />
          <p className={styles.error} role="status">{signIn.error?.message}</p>
          <Button type="submit" size="md" h={44} fullWidth loading={signIn.isPending}>
            Sign in
          </Button>
        </form>
      </main>
      <Footer />
    </div>
  )
}
