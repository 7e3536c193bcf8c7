import { CircleHelp, LogOut, TabletSmartphone } from 'lucide-react'
import { Link } from 'wouter'
import { useSignOut } from '../../api/queries'
import type { Me } from '../../api/types'
import { IconButton } from '../IconButton'
import { LiveChip } from './LiveChip'
import { Mark } from './Mark'
import { SchemeToggle } from './SchemeToggle'
import styles from './TopBar.module.css'

export function TopBar({ me, onHelp }: { me: Me; onHelp: () => void }) {
  const signOut = useSignOut()
  return (
    <header className={styles.bar}>
      <Link href="/" className={styles.home} aria-label="vitalstream, worklist">
        <Mark />
        <span className={styles.word}>vitalstream</span>
      </Link>
      <LiveChip />
      <div className={styles.tools}>
        <span className={styles.who} title={me.role}>
          {me.user}
        </span>
        {me.role !== 'patient' && (
          <Link href="/devices" className={styles.link} aria-label="Devices">
            <TabletSmartphone size={18} aria-hidden />
            <span>Devices</span>
          </Link>
        )}
        <SchemeToggle />
        <IconButton label="Keyboard and signs" onClick={onHelp}>
          <CircleHelp size={18} aria-hidden />
        </IconButton>
        <IconButton label="Sign out" onClick={() => { signOut.mutate() }}>
          <LogOut size={18} aria-hidden />
        </IconButton>
      </div>
    </header>
  )
}
