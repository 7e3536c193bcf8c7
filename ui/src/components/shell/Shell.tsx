import { lazy, Suspense, useMemo, useState } from 'react'
import { Redirect, Route, Switch, useLocation } from 'wouter'
import { queryClient } from '../../api/queries'
import type { Me } from '../../api/types'
import { useShortcuts } from '../../keys/useShortcuts'
import { useStreamLost } from '../../live/hooks'
import { useLiveSession } from '../../live/useLiveSession'
import { AlertPage } from '../../pages/AlertPage'
import { NotFoundPage } from '../../pages/NotFoundPage'
import { PatientPage } from '../../pages/PatientPage'
import { WorklistPage } from '../../pages/WorklistPage'
import { PageSkeleton } from '../states/PageSkeleton'
import { Announcements } from './Announcements'
import { Footer } from './Footer'
import { HelpDialog } from './HelpDialog'
import { SimulatedBanner } from './SimulatedBanner'
import { StreamLostBanner } from './StreamLostBanner'
import { TopBar } from './TopBar'
import { useHeight } from './useHeight'
import { SignedIn } from './useSignedIn'
import styles from './Shell.module.css'

const ClaimPage = lazy(() => import('../../pages/ClaimPage'))
const DevicesPage = lazy(() => import('../../pages/DevicesPage'))

export function Shell({ me }: { me: Me }) {
  const [helpOpen, setHelpOpen] = useState(false)
  const [location] = useLocation()
  const lost = useStreamLost()
  const top = useHeight<HTMLDivElement>('--top-height')
  useLiveSession()
  useShortcuts(
    useMemo(() => {
      const general = { '?': () => { setHelpOpen(true) } }
      // The worklist has its own meaning of refresh: let held rows move.
      return location === '/' ? general : { ...general, r: () => void queryClient.invalidateQueries() }
    }, [location]),
  )

  return (
    <SignedIn.Provider value={me}>
      <div className={styles.shell} data-lost={lost}>
        <a className={styles.skip} href="#content">
          Skip to content
        </a>
        <div className={styles.top} ref={top}>
          {me.simulated && <SimulatedBanner />}
          <TopBar me={me} onHelp={() => { setHelpOpen(true) }} />
          {lost && <StreamLostBanner />}
        </div>
        <main id="content" tabIndex={-1} className={styles.main}>
          <Suspense fallback={<PageSkeleton />}>
            <Switch>
              <Route path="/">
                {me.role === 'patient' && me.patient !== null ? <Redirect to={`/patients/${me.patient}`} replace /> : <WorklistPage />}
              </Route>
              <Route path="/patients/:id">{({ id }) => <PatientPage key={id} id={id} />}</Route>
              <Route path="/alerts/:id">{({ id }) => <AlertPage key={id} id={id} />}</Route>
              <Route path="/claim/:device?">{({ device }) => <ClaimPage device={device ?? null} />}</Route>
              {me.role !== 'patient' && <Route path="/devices"><DevicesPage /></Route>}
              <Route>
                <NotFoundPage />
              </Route>
            </Switch>
          </Suspense>
        </main>
        <Footer />
        <Announcements />
        <HelpDialog opened={helpOpen} onClose={() => { setHelpOpen(false) }} />
      </div>
    </SignedIn.Provider>
  )
}
