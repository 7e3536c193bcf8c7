import { cleanup, fireEvent, screen } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Role } from '../../api/types'
import { makeAlert } from '../../live/fixtures'
import { answer, sent, show as showPart } from '../testing'
import { Acknowledge } from './Acknowledge'

const show = (role: Role = 'clinician', alert = makeAlert()) => { showPart(<Acknowledge alert={alert} zone="Europe/Berlin" />, role) }

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

describe('closing', () => {
  const outcome = { outcome: 'artefact' as const, note: 'cold fingers', by: 'dr.keller', at: '2026-11-22T10:43:00Z' }
  const ask = () => { fireEvent.click(screen.getByTestId('close-a-1')) }
  const confirm = () => { fireEvent.submit(screen.getByTestId('close-dialog')) }

  it('sends the outcome with its note', async () => {
    const fetched = answer(200, makeAlert({ acknowledged_by: 'dr.keller', outcome }))
    show()
    ask()
    fireEvent.click(await screen.findByLabelText('Artefact'))
    fireEvent.change(screen.getByLabelText(/Note/), { target: { value: ' cold fingers ' } })
    confirm()
    await vi.waitFor(() => { expect(fetched).toHaveBeenCalledOnce() })
    expect(sent(fetched)).toEqual(['/api/alerts/a-1/close', { outcome: 'artefact', note: 'cold fingers' }])
    await vi.waitFor(() => { expect(screen.queryByTestId('close-dialog')).toBeNull() })
  })

  it('sends nothing before an outcome is chosen', async () => {
    const fetched = answer(200, {})
    show()
    ask()
    await screen.findByTestId('close-dialog')
    confirm()
    expect(fetched).not.toHaveBeenCalled()
  })

  it('names who was first when somebody else was', async () => {
    answer(409, { error: { code: 'already-closed', message: 'taken', by: 'nurse.patel', at: '2026-11-22T10:41:00Z' } })
    show()
    ask()
    fireEvent.click(await screen.findByLabelText('Real'))
    confirm()
    expect((await screen.findByTestId('outcome-by-a-1')).textContent).toMatch(/Already closed by nurse\.patel at .*11:41/)
  })

  it('shows outcome, name, time and note once closed, and no button', () => {
    show('clinician', makeAlert({ acknowledged_by: 'nurse.patel', acknowledged_at: '2026-11-22T10:42:00Z', outcome }))
    expect(screen.getByTestId('outcome-by-a-1').textContent).toMatch(/Closed as an artefact by dr\.keller at .*11:43.*cold fingers/)
    expect(screen.queryByRole('button')).toBeNull()
  })
})
