import { UserRoundPlus } from 'lucide-react'
import { CommandLine } from './CommandLine'
import { Notice } from './Notice'

export function NoPatients() {
  return (
    <Notice icon={UserRoundPlus} title="No patients yet" testid="empty-state">
      <p>Add the first patient, then a device that is bound to them. Run on the server:</p>
      <CommandLine text='vitalstream patient add p-001 --name "Ada Novak"' />
      <CommandLine text="vitalstream device add d-001 --patient p-001" />
      <p>The second command prints the device&rsquo;s password once. This page shows the patient as soon as it is added.</p>
    </Notice>
  )
}
