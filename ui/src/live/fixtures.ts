/** Small rows and alerts for the tests of this folder. */
import type { Alert, Row, StoredReading, Tile, Worklist } from '../api/types'

export function makeTile(more: Partial<Tile> = {}): Tile {
  return {
    metric: 'spo2', label: 'SpO2', unit: '%', text: '96', measured_at: '2026-11-22T10:42:00Z', age_limit_s: 60, state: 'fresh', direction: null,
    flags: [], absent_reason: null, observation: 'o-1', ...more,
  }
}

export function makeAlert(more: Partial<Alert> = {}): Alert {
  return {
    id: 'a-1', patient: 'p-1', gateway: null, patient_name: 'Ada Novak', rule: 'copd-spo2-low', version: 1, priority: 'high', condition: 'active',
    opened_at: '2026-11-22T10:42:00Z', cleared_at: null, acknowledged_by: null, acknowledged_at: null, outcome: null, late: false, title: 'Low oxygen saturation',
    explanation: 'SpO2 below 88 %', readings: [], updates: [],
    limits: { metric: 'spo2', raise: '< 88', clear: '>= 89', for: '5m', unit: '%', source: 'test' }, ...more,
  }
}

export function makeRow(patient: string, more: Partial<Row> = {}): Row {
  return {
    patient, name: patient, age_years: 71, sex: 'female', identifier: null, zone: 'Europe/Berlin', programmes: ['general'], bucket: 'rest',
    order: [3, patient], why: '', alert: null, alert_count: 0, last_measured_at: null, last_received_at: null, silence: null, vitals: [makeTile()], ...more,
  }
}

export function makeWorklist(rows: Row[], server_time = '2026-11-22T10:42:00Z'): Worklist {
  const counts = { high: 0, medium: 0, low: 0, technical: 0, no_data: 0, patients: rows.length }
  return { server_time, simulated: true, counts, gateways: [], rows }
}

export function makeReading(more: Partial<StoredReading> = {}): StoredReading {
  return {
    observation: 'o-1', metric: 'spo2', label: 'SpO2', text: '86', unit: '%', measured_at: '2026-11-22T10:42:00Z', received_at: '2026-11-22T10:42:01Z', device: 'd-1',
    source: 'device', flags: [], absent_reason: null, status: 'final', version: 1, wrong: null, ...more,
  }
}
