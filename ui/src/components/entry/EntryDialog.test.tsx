import { cleanup, fireEvent, screen, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Role } from '../../api/types'
import { answer, sent, show as showPart } from '../testing'
import { keepChosen } from './chosen'
import { EntryDialog } from './EntryDialog'

const saved = vi.fn<(said: string) => void>()
const show = (role: Role = 'clinician') => {
  showPart(<EntryDialog patient="p-1" name="Ada Novak" zone="Europe/Berlin" onClose={vi.fn()} onSaved={saved} />, role)
}
const type = (label: string, value: string) => { fireEvent.change(screen.getByRole('textbox', { name: label }), { target: { value } }) }
const save = () => { fireEvent.submit(screen.getByTestId('entry-dialog')) }
const sentence = (vital: string) => within(screen.getByTestId(`entry-${vital}`)).getByRole('status').textContent

beforeEach(() => { keepChosen(['spo2', 'body_temp']) })

afterEach(() => {
  cleanup()
  localStorage.clear()
  saved.mockReset()
  vi.unstubAllGlobals()
})

describe('EntryDialog', () => {
  it('opens with the vitals that were entered last and sends them together', async () => {
    const fetched = answer(201, { entry: 'x', accepted: 2 })
    show()
    type('SpO2', '96')
    type('Temperature', '37,2')
    save()
    await vi.waitFor(() => { expect(saved).toHaveBeenCalledWith('2 readings added') })
    const [path, body] = sent(fetched)
    expect(path).toBe('/api/patients/p-1/readings')
    expect(body).toMatchObject({ readings: [{ metric: 'spo2', value: 96, unit: '%' }, { metric: 'body_temp', value: 37.2, unit: 'Cel' }] })
  })

  it('asks once more about an improbable value, not for less than it takes to read', async () => {
    const fetched = answer(201, { entry: 'x', accepted: 1 })
    const clock = vi.spyOn(performance, 'now')
    show()
    type('Temperature', '386')
    save()
    expect(sentence('body_temp')).toBe('Check: 386\u00a0°C?')
    save()
    expect(fetched).not.toHaveBeenCalled()
    clock.mockRestore()
    await new Promise((resolve) => { setTimeout(resolve, 850) })
    expect(screen.getByRole('button', { name: 'They are right: save' })).toBeDefined()
    save()
    await vi.waitFor(() => { expect(fetched).toHaveBeenCalledOnce() })
  })

  it('sends the same entry again after an answer that got lost, and lets nobody change it meanwhile', async () => {
    const fetched = answer(503, { error: { code: 'not-ready', message: 'Wait a few seconds, then try again.' } })
    show()
    type('SpO2', '96')
    save()
    await screen.findByText(/Save again: it is stored once/)
    expect(screen.getByRole('textbox', { name: 'SpO2' }).closest('fieldset:disabled')).not.toBeNull()
    save()
    await vi.waitFor(() => { expect(fetched).toHaveBeenCalledTimes(2) })
    expect(sent(fetched, 1)).toEqual(sent(fetched, 0))
  })

  it("shows the server's refusal at its field", async () => {
    answer(422, { error: { code: 'bad-reading', message: 'The value has too many digits.', reading: 1, reason: 'bad-value' } })
    show()
    type('SpO2', '96')
    type('Temperature', '37.2')
    save()
    await vi.waitFor(() => { expect(sentence('body_temp')).toBe('The value has too many digits.') })
    expect(sentence('spo2')).toBe('')
  })

  it('wants at least one value', () => {
    const fetched = answer(201, {})
    show()
    save()
    expect(screen.getByText('Enter at least one value.')).toBeDefined()
    expect(fetched).not.toHaveBeenCalled()
  })

  it('offers patients what they can judge themselves', () => {
    show('patient')
    expect(screen.getByRole('button', { name: 'Blood pressure' })).toBeDefined()
    for (const name of ['NEWS2 round', 'Consciousness', 'Air or oxygen']) expect(screen.queryByRole('button', { name })).toBeNull()
  })
})
