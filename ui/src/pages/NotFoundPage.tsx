import { ApiError } from '../api/client'
import { ErrorState } from '../components/states/ErrorState'
import { useTitle } from './useTitle'

const missing = new ApiError(404, 'not-found', 'There is no such page.')

export function NotFoundPage() {
  useTitle('Not found')
  return <ErrorState error={missing} retry={() => undefined} />
}
