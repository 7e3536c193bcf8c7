import { ChevronRight, Plus } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import { useSignedIn } from '../shell/useSignedIn'
import styles from './AddDevice.module.css'
import { lastBegun } from './begun'

/** A patient's way to a new device, or back to one whose first reading is still missing. */
export function AddDevice() {
  const { user } = useSignedIn()
  const [begun] = useState(() => lastBegun(user))
  return (
    <Link href={begun === null ? '/claim' : `/claim/${encodeURIComponent(begun)}`} className={styles.add} data-testid="add-device">
      <Plus size={24} aria-hidden />
      <span>{begun === null ? 'Add a device' : 'Finish adding your device'}</span>
      <ChevronRight size={20} aria-hidden />
    </Link>
  )
}
