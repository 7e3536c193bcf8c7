/** Stored readings for `mock.mjs`: the newest of what its charts show, what people enter, and what they mark as wrong. */
import { hour, iso, series } from './data.mjs'

const listed_h = 72
const families = { pulse_rate_oximeter: 'heart_rate', glucose_capillary_moles: 'glucose_capillary_mass' }
const labels = {
  heart_rate: 'Heart rate', blood_pressure: 'Blood pressure', spo2: 'SpO2', resp_rate: 'Respiratory rate', body_temp: 'Temperature', body_weight: 'Weight',
  glucose_capillary_mass: 'Glucose', glucose_capillary_moles: 'Glucose', consciousness: 'Consciousness', oxygen_in_use: 'Oxygen in use', oxygen_flow: 'Oxygen flow',
}
const metrics = Object.keys(labels)

const idOf = (patient, metric, at) => {
  const part = (n) => String(n).padStart(3, '0')
  return `00000000-0000-4${part(Number(patient.id.slice(2)))}-8${part(metrics.indexOf(metric))}-${String(at).padStart(12, '0').slice(-12)}`
}

function fromSeries(patient, now) {
  const all = series(patient, listed_h, now).series
  const lower = all.find(({ component }) => component === 'diastolic')
  return all.filter(({ component }) => component !== 'diastolic').flatMap(({ metric, label, unit, device, t, v, flags = [] }) =>
    t.map((at, i) => ({
      observation: idOf(patient, metric, at), metric, label, unit, device, source: 'device', version: 1, status: 'final', wrong: null, absent_reason: null,
      text: metric === 'blood_pressure' ? `${v[i]}/${lower.v[i]}` : String(v[i]), measured_at: iso(at), received_at: iso(at + 900), flags: flags[i] ? ['improbable'] : [],
    })))
}

/** Everything stored about a patient, newest first. */
export function stored(patient, now) {
  patient.history ??= fromSeries(patient, now)
  patient.entered ??= []
  return [...patient.entered, ...patient.history].sort((a, b) => (a.measured_at < b.measured_at ? 1 : -1))
}

export function page(patient, query, now) {
  const [family, limit, after] = [query.get('metric'), Number(query.get('limit') ?? 50), Number(query.get('after') ?? 0)]
  const found = stored(patient, now).filter(({ metric }) => family === null || (families[metric] ?? metric) === family)
  return { readings: found.slice(after, after + limit), next: after + limit < found.length ? String(after + limit) : null }
}

const textOf = (value) => {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'object' ? `${value.systolic}/${value.diastolic}` : String(value)
}

/** Takes an entry; returns what refuses it, or the points to tell. The same entry twice is stored once. */
export function enter(patient, { entry, readings }, now) {
  stored(patient, now)
  const refused = readings.findIndex(({ value }) => typeof value === 'number' && value > 999_999)
  if (refused >= 0) return { refused }
  const made = readings.map(({ metric, value, unit, at }, place) => ({
    observation: idOf(patient, metric, Number.parseInt(entry.slice(0, 8), 16) + place), metric, label: labels[metric], unit: unit ?? '1', device: `manual-${patient.id}`,
    source: 'manual', version: 1, status: 'final', wrong: null, absent_reason: null, text: textOf(value), measured_at: at ?? iso(now), received_at: iso(now),
    flags: typeof value === 'number' && metric === 'body_temp' && value > 45 ? ['improbable'] : [],
  }))
  for (const reading of made.filter(({ observation }) => !patient.entered.some((known) => known.observation === observation))) patient.entered.push(reading)
  return { points: made.flatMap((reading) => pointsOf(patient, reading)) }
}

function pointsOf(patient, { metric, device, measured_at, text }) {
  const at = Date.parse(measured_at)
  if (metric !== 'blood_pressure') return [[patient.id, metric, null, device, at, Number(text), 0, null]]
  return text.split('/').map((part, i) => [patient.id, metric, ['systolic', 'diastolic'][i], device, at, Number(part), 0, null])
}

/** What was entered by hand, as series of the manual device. */
function enteredSeries(patient, from) {
  const made = new Map()
  for (const reading of [...(patient.entered ?? [])].reverse()) {
    if (reading.status !== 'final' || ['consciousness', 'oxygen_in_use'].includes(reading.metric)) continue
    for (const [, metric, component, device, at, value] of pointsOf(patient, reading)) {
      const key = `${metric} ${component}`
      if (!made.has(key)) made.set(key, { metric, component, device, label: reading.label, unit: reading.unit, gap_ms: 36 * hour, t: [], v: [], flags: [], wrong: [], limits: [] })
      if (at > from) { made.get(key).t.push(at); made.get(key).v.push(value); made.get(key).flags.push(0) }
    }
  }
  return [...made.values()]
}

/** The chart's series without what was marked as wrong, which is kept beside them. */
export function charted(patient, hours, now) {
  const view = series(patient, hours, now)
  const out = stored(patient, now).filter(({ status }) => status === 'entered-in-error')
  for (const one of view.series) {
    one.wrong = out.filter(({ metric, source }) => metric === one.metric && source === 'device').map(({ observation, measured_at, text }) => ({
      t: Date.parse(measured_at), v: Number(text.split('/')[one.component === 'diastolic' ? 1 : 0]), observation,
    }))
    for (const { t } of one.wrong) {
      // The mock's points differ a little from one request to the next.
      const at = one.t.findIndex((each) => Math.abs(each - t) < 30_000)
      if (at >= 0) for (const column of [one.t, one.v, one.flags ?? []]) column.splice(at, 1)
    }
    one.wrong = one.wrong.filter(({ t }) => t > now - hours * hour)
  }
  return { ...view, series: [...view.series, ...enteredSeries(patient, now - hours * hour)] }
}
