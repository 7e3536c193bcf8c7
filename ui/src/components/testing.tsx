/** Draws a part of the page for tests: signed in, with a server that answers what the test says. */
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { vi } from 'vitest'
import { queryClient } from '../api/queries'
import type { Role } from '../api/types'
import { SignedIn } from './shell/useSignedIn'

export function show(part: ReactNode, role: Role = 'clinician') {
  const me = { user: 'dr.keller', role, patient: null, simulated: true, server_time: '2026-11-22T10:42:00Z' }
  render(
    <MantineProvider>
      <QueryClientProvider client={queryClient}>
        <SignedIn.Provider value={me}>{part}</SignedIn.Provider>
      </QueryClientProvider>
    </MantineProvider>,
  )
}

export function answer(status: number, body: unknown) {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response(JSON.stringify(body), { status })))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

/** Path and body of the n-th request. */
export function sent(fetched: ReturnType<typeof answer>, n = 0): [unknown, unknown] {
  const [path, init] = fetched.mock.calls[n] ?? []
  return [path, JSON.parse(String(init?.body))]
}
