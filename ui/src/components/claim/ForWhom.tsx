import { UserRoundPlus } from 'lucide-react'
import { Big } from './Big'
import { Notice } from '../states/Notice'

/** Staff claim for a patient, and so begin at the patient. */
export function ForWhom({ mayClaim }: { mayClaim: boolean }) {
  return (
    <Notice icon={UserRoundPlus} title="For which patient?" testid="claim-for-whom" action={<Big href={mayClaim ? '/' : '/devices'}>{mayClaim ? 'Go to the worklist' : 'Go to the devices'}</Big>}>
      {mayClaim
        ? <p>Open the patient, then press &ldquo;Add a device&rdquo; beside the patient&rsquo;s devices.</p>
        : <p>Your account keeps the devices. Patients add them, or a clinician adds one on a patient&rsquo;s page.</p>}
    </Notice>
  )
}
