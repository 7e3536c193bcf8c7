import { Kbd, Modal, Switch } from '@mantine/core'
import { setSingleKeys, useSingleKeys } from '../../keys/settings'
import { PriorityMark } from '../PriorityMark'
import styles from './HelpDialog.module.css'

const keys = [
  [['j', 'k'], 'Next and previous row'],
  [['Enter'], 'Open the row'],
  [['a'], 'Acknowledge the first open alert of this patient'],
  [['c'], 'Close it with an outcome, acknowledging it too'],
  [['n'], 'Add readings of this patient'],
  [['/'], 'Search'],
  [['r'], 'Refresh; on the worklist also put held rows in order'],
  [['Esc'], 'Back'],
  [['?'], 'This help'],
] as const

export function HelpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const on = useSingleKeys()
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard and signs" size="md">
      <div className={styles.body}>
        <Switch
          checked={on}
          onChange={(event) => { setSingleKeys(event.currentTarget.checked) }}
          label="Single-key shortcuts"
          description="Switch off if speech input or stray keys trigger them."
        />
        <dl className={styles.keys} data-off={!on}>
          {keys.map(([names, does]) => (
            <div key={does}>
              <dt>{names.map((name) => <Kbd key={name}>{name}</Kbd>)}</dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <h3 className={styles.heading}>Alerts</h3>
        <div className={styles.signs}>
          <PriorityMark priority="high" />
          <PriorityMark priority="medium" />
          <PriorityMark priority="low" />
          <PriorityMark priority="technical" />
        </div>
        <p className={styles.text}>A mark that flashes has not been acknowledged; with reduced motion it has a thick border instead.</p>
        <h3 className={styles.heading}>Age of values</h3>
        <p className={styles.text}>
          <i>Italic</i> with a clock: later than expected. <s>Struck through</s>: too old to rely on. No colour means that a value is fine.
        </p>
        <p className={styles.text}>Not a medical device. Not for emergency monitoring.</p>
      </div>
    </Modal>
  )
}
