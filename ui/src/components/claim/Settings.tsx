import type { Credentials } from '../../api/deviceTypes'
import { CommandLine } from '../states/CommandLine'
import { Big } from './Big'
import styles from './Claim.module.css'
import { Screen } from './Screen'

/** The device's new settings; the server never shows them again. */
export function Settings({ credentials, onEntered }: { credentials: Credentials; onEntered: () => void }) {
  const lines = [['Server', 'server', credentials.url], ['User name', 'user name', credentials.username], ['Password', 'password', credentials.password]] as const
  return (
    <Screen title="Give your device its new settings" drawing="card">
      <p>Open the settings of your device and enter these three. You see them only this once, so please do it now or write them down.</p>
      <dl className={styles.settings}>
        {lines.map(([label, what, text]) => (
          <div key={what}>
            <dt>{label}</dt>
            <dd><CommandLine text={text} what={what} /></dd>
          </div>
        ))}
      </dl>
      <p className={styles.aside}>Did your care team set it up? Then call them: its old settings have stopped working.</p>
      <Big onClick={onEntered}>I have entered them</Big>
    </Screen>
  )
}
