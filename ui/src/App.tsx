import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { queryClient, useMe } from './api/queries'
import { Shell } from './components/shell/Shell'
import { ErrorBoundary } from './components/states/ErrorBoundary'
import { ErrorState } from './components/states/ErrorState'
import { PageSkeleton } from './components/states/PageSkeleton'
import { SignInPage } from './pages/SignInPage'
import { theme } from './theme'

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <ErrorBoundary>
          <Gate />
        </ErrorBoundary>
      </QueryClientProvider>
    </MantineProvider>
  )
}

/** Signed out, the address stays: signing in shows the same place again. */
function Gate() {
  const me = useMe()
  if (me.data) return <Shell key={me.data.user} me={me.data} />
  if (me.data === null) return <SignInPage />
  return <main>{me.error === null ? <PageSkeleton /> : <ErrorState error={me.error} retry={() => void me.refetch()} />}</main>
}
