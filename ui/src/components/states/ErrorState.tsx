import { Button } from '@mantine/core'
import { Ban, SearchX, ServerCrash } from 'lucide-react'
import { Link } from 'wouter'
import { ApiError } from '../../api/client'
import { Notice } from './Notice'

/** What went wrong, by whose fault, and what to do next. */
export function ErrorState({ error, retry }: { error: Error; retry: () => void }) {
  const status = error instanceof ApiError ? error.status : 0
  const home = <Button component={Link} href="/" variant="default">Back to the worklist</Button>
  if (status === 403) {
    return (
      <Notice icon={Ban} title="Not allowed" testid="forbidden" action={home}>
        <p>Your account may not see this. Ask your administrator if you should.</p>
      </Notice>
    )
  }
  if (status === 404) {
    return (
      <Notice icon={SearchX} title="Not found" testid="not-found" action={home}>
        <p>There is nothing under this address, or it is not among your patients.</p>
      </Notice>
    )
  }
  return (
    <Notice icon={ServerCrash} title="This could not be loaded" testid="server-error" action={<Button onClick={retry}>Try again</Button>}>
      <p>{error.message}</p>
      <p>Readings and alerts are kept by the server whether or not this page can show them.</p>
    </Notice>
  )
}
