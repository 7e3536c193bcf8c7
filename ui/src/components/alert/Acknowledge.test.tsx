import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { queryClient } from '../../api/queries'
import type { Role } from '../../api/types'
import { makeAlert } from '../../live/fixtures'
import { SignedIn } from '../shell/useSignedIn'
import { Acknowledge } from './Acknowledge'

function show(role: Role = 'clinician', alert = makeAlert()) {
  const me = { user: 'dr.keller', role, patient: null, simulated: true, server_time: '2026-11-22T10:42:00Z' }
  render(
    <MantineProvider>
      <QueryClientProvider client={queryClient}>
        <SignedIn.Provider value={me}>
          <Acknowledge alert={alert} zone="Europe/Berlin" />
        </SignedIn.Provider>
      </QueryClientProvider>
    </MantineProvider>,
  )
}

function answer(status: number, body: unknown) {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response(JSON.stringify(body), { status })))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

describe('Acknowledge', () => {
  it('asks the server with the header that the cookie needs', async () => {
    const fetched = answer(200, makeAlert({ acknowledged_by: 'dr.keller' }))
    show()
    fireEvent.click(screen.getByTestId('acknowledge-a-1'))
    await vi.waitFor(() => { expect(fetched).toHaveBeenCalledOnce() })
    const [path, init] = fetched.mock.calls[0] ?? []
    expect(path).toBe('/api/alerts/a-1/acknowledge')
    expect(init).toMatchObject({ method: 'POST', headers: { 'X-Requested-With': 'vitalstream' } })
  })

  it('names who was first when somebody else was', async () => {
    answer(409, { error: { code: 'already-acknowledged', message: 'taken', by: 'nurse.patel', at: '2026-11-22T10:41:00Z' } })
    show()
    fireEvent.click(screen.getByTestId('acknowledge-a-1'))
    const text = await screen.findByTestId('ack-by-a-1')
    expect(text.textContent).toMatch(/Already acknowledged by nurse\.patel/)
    expect(screen.queryByTestId('acknowledge-a-1')).toBeNull()
  })

  it('keeps the button and says why after another failure', async () => {
    answer(503, { error: { code: 'not-ready', message: 'Wait a few seconds, then try again.' } })
    show()
    fireEvent.click(screen.getByTestId('acknowledge-a-1'))
    expect((await screen.findByRole('status')).textContent).toBe('Wait a few seconds, then try again.')
    expect(screen.getByTestId('acknowledge-a-1')).toBeDefined()
  })

  it('has no button for those who may only read', () => {
    show('administrator')
    expect(screen.queryByTestId('acknowledge-a-1')).toBeNull()
    expect(screen.getByText('Not acknowledged')).toBeDefined()
  })
})
