/** Twenty pretend patients for `mock.mjs`: plausible, seeded, and only as clever as the page needs. */

const minute = 60_000
export const hour = 60 * minute

// prettier-ignore
const people = [
  ['Ada Novak', 1955, 'female', 'copd', 'Europe/Berlin'], ['Tomasz Zieliński', 1948, 'male', 'heart-failure', 'Europe/Warsaw'],
  ['Grace Okafor', 1962, 'female', 'hypertension', 'Europe/London'], ['Henrik Lindqvist', 1951, 'male', 'copd', 'Europe/Stockholm'],
  ['María José Fernández-Villaverde', 1944, 'female', 'virtual-ward', 'Europe/Madrid'], ['Kenji Watanabe', 1958, 'male', 'hypertension', 'Asia/Tokyo'],
  ['Priya Raman', 1971, 'female', 'diabetes', 'Asia/Kolkata'], ["Sean O'Dwyer", 1949, 'male', 'heart-failure', 'Europe/Dublin'],
  ['Lucía Romero', 1966, 'female', 'virtual-ward', 'America/Bogota'], ['Elif Kaya', 1974, 'female', 'diabetes', 'Europe/Istanbul'],
  ['Walter Brandt', 1940, 'male', 'copd', 'Europe/Berlin'], ['Noor Haddad', 1968, 'female', 'hypertension', 'Europe/Brussels'],
  ['Samuel Mbeki', 1953, 'male', 'heart-failure', 'Africa/Johannesburg'], ['Ingrid Solberg', 1947, 'female', 'copd', 'Europe/Oslo'],
  ['Daniel Whitmore', 1960, 'male', 'virtual-ward', 'America/Chicago'], ['Chloé Marchand', 1964, 'female', 'hypertension', 'Europe/Paris'],
  ['Rahul Desai', 1957, 'male', 'diabetes', 'Asia/Kolkata'], ['Marta Silva', 1950, 'female', 'heart-failure', 'Europe/Lisbon'],
  ['George Papadakis', 1945, 'male', 'hypertension', 'Europe/Athens'], ['Hannah Weiss', 1969, 'female', 'virtual-ward', 'Europe/Vienna'],
]

const metrics = [
  { metric: 'heart_rate', label: 'Heart rate', unit: '/min', base: 74, swing: 6, digits: 0, age_limit_s: 60, every_ms: 2 * minute },
  { metric: 'blood_pressure', label: 'Blood pressure', unit: 'mm[Hg]', base: 128, swing: 7, digits: 0, age_limit_s: 43_200, every_ms: 6 * hour },
  { metric: 'spo2', label: 'SpO2', unit: '%', base: 95, swing: 1.2, digits: 0, age_limit_s: 60, every_ms: 2 * minute },
  { metric: 'resp_rate', label: 'Resp rate', unit: '/min', base: 16, swing: 1.5, digits: 0, age_limit_s: 120, every_ms: 3 * minute },
  { metric: 'body_temp', label: 'Temperature', unit: 'Cel', base: 36.7, swing: 0.2, digits: 1, age_limit_s: 43_200, every_ms: 4 * hour },
  { metric: 'body_weight', label: 'Weight', unit: 'kg', base: 78, swing: 0.4, digits: 1, age_limit_s: 129_600, every_ms: 24 * hour },
]

const limits = {
  heart_rate: [['general-hr-high', 'high', '>', 130], ['general-hr-low', 'medium', '<', 45]],
  spo2: [['copd-spo2-low', 'high', '<', 88], ['copd-spo2-watch', 'medium', '<', 91]],
  resp_rate: [['general-rr-high', 'medium', '>', 24]],
  body_temp: [['general-temp-high', 'low', '>', 38]],
  systolic: [['hypertension-sys-high', 'medium', '>=', 160]],
}

let seed = 7
export function random() {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

export const iso = (ms) => new Date(ms).toISOString()
const uuid = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** The scripted troubles: patient index, metric, value, rule, priority, words. */
const troubles = [
  { at: 0, metric: 'spo2', value: 86, direction: 'down', rule: 'copd-spo2-low', priority: 'high', title: 'Low oxygen saturation (COPD)', op: '< 88', clear: '>= 89', for: '5m', age_min: 6 },
  { at: 12, metric: 'heart_rate', value: 136, direction: 'up', rule: 'general-hr-high', priority: 'high', title: 'Fast heart rate', op: '> 130', clear: '<= 129', for: '2m', age_min: 3, by: 'nurse.patel' },
  { at: 2, metric: 'blood_pressure', value: 168, direction: 'up', rule: 'hypertension-sys-high', priority: 'medium', title: 'High systolic blood pressure', op: '>= 160', clear: '< 159', for: null, age_min: 44 },
  { at: 7, metric: 'body_weight', value: 81.4, direction: 'up', rule: 'hf-weight-gain', priority: 'medium', title: 'Weight gain of 2 kg in 3 days', op: 'delta >= 2', clear: null, for: null, age_min: 190 },
  { at: 9, metric: 'body_temp', value: 38.2, direction: 'up', rule: 'general-temp-high', priority: 'low', title: 'Raised temperature', op: '> 38', clear: '<= 37.9', for: null, age_min: 21 },
  { at: 14, metric: 'heart_rate', value: null, direction: null, rule: 'technical-battery-low', priority: 'technical', title: 'Battery low: pulse oximeter', op: '< 15', clear: '>= 30', for: null, age_min: 75 },
]

function makeAlert(trouble, patient, now) {
  const opened = now - trouble.age_min * minute
  const value = trouble.metric === 'blood_pressure' ? '168' : String(trouble.value ?? 12)
  const { label, unit } = metrics.find(({ metric }) => metric === trouble.metric)
  const technical = trouble.priority === 'technical'
  const name = technical ? 'battery' : trouble.metric === 'blood_pressure' ? 'blood_pressure.systolic' : trouble.metric
  const reading = (n, ago) => ({ observation: uuid(n), metric: name, value, unit: technical ? '%' : unit, measured_at: iso(opened - ago) })
  return {
    id: `a-${trouble.rule}-${patient.id}`, patient: patient.id, gateway: null, outcome: null, patient_name: patient.name, rule: trouble.rule, version: 3, priority: trouble.priority,
    condition: 'active', opened_at: iso(opened), cleared_at: null, late: false,
    acknowledged_by: trouble.by ?? null, acknowledged_at: trouble.by ? iso(opened + minute) : null,
    title: trouble.title,
    explanation: `${technical ? 'Battery' : label} ${trouble.op}${trouble.for ? ` for ${trouble.for}` : ''}: measured ${value}, most recently ${String(trouble.age_min)} min ago`,
    readings: [reading(11, 5 * minute), reading(12, 0)].slice(trouble.for ? 0 : 1),
    limits: { metric: name, raise: trouble.op, clear: trouble.clear, for: trouble.for, unit: technical ? '%' : unit, source: 'Starting value; approve locally. RCP NEWS2 (2017)' },
    updates: [
      { at: iso(opened), change: 'opened', because: reading(12, 0) },
      ...(trouble.for ? [{ at: iso(opened + minute), change: 'amended', because: reading(13, 3 * minute) }] : []),
    ],
  }
}

function makePatient([name, born, sex, programme, zone], index, now) {
  const id = `p-${String(index + 1).padStart(3, '0')}`
  const values = Object.fromEntries(metrics.map((m) => [m.metric, m.base + (random() - 0.5) * 4 * m.swing]))
  return {
    id, name, born: `${String(born)}-0${String(1 + (index % 9))}-14`, age_years: 2026 - born, sex, zone, values,
    programmes: ['general', 'technical', programme], identifier: { system: 'urn:example:mrn', value: `MRN ${String(402_118 + index * 731)}` },
    measured: Object.fromEntries(metrics.map((m) => [m.metric, now - random() * Math.min(m.every_ms, m.age_limit_s * 1100)])),
    silent: null, alerts: [], flags: index === 5 ? { resp_rate: ['improbable'] } : {}, absent: index === 18 ? 'heart_rate' : null,
  }
}

export function makeWorld(now, count) {
  const patients = Array.from({ length: count }, (_, i) => {
    const person = people[i % people.length]
    return makePatient(i < people.length ? person : [`${person[0]} ${String(i)}`, ...person.slice(1)], i, now)
  })
  for (const trouble of troubles) {
    const patient = patients[trouble.at]
    if (patient === undefined) continue
    if (trouble.value !== null) patient.values[trouble.metric] = trouble.value
    patient.trouble = trouble
    patient.alerts.push(makeAlert(trouble, patient, now))
  }
  for (const [i, cause, hours] of silences) {
    const silent = patients[i]
    if (silent === undefined) continue
    silent.silent = cause
    for (const metric of Object.keys(silent.measured)) silent.measured[metric] = now - hours * hour
  }
  if (patients[4]) patients[4].alerts.push(makeNews2(patients[4], now))
  if (patients[15]) patients[15].alerts.push(makeClosed(patients[15], now))
  return { patients, gateways: count > 17 ? makeGateways(now) : [] }
}

const silences = [[16, 'patient', 27], [17, 'gateway', 3], [18, 'gateway', 3.2], [19, 'device', 9]]

/** One silent for long, with its one alert; one that has just fallen silent. */
function makeGateways(now) {
  const opened = now - 3 * hour
  const alert = {
    ...makeAlert(troubles[5], { id: 'none', name: null }, now), id: 'a-gateway-silent', patient: null, patient_name: null, gateway: 'gw-lisbon-2', rule: 'gateway-silent',
    title: 'Gateway is silent', explanation: 'Nothing was heard of this gateway for more than 2 min.\nWhat its devices measure meanwhile comes when it is back.',
    opened_at: iso(opened), readings: [], limits: { metric: null, raise: 'silent for 2 min', clear: 'heard again', for: null, unit: null, source: null }, updates: [{ at: iso(opened), change: 'opened', because: null }],
  }
  return [{ gateway: 'gw-lisbon-2', seen_at: iso(opened - 2 * minute), alert }, { gateway: 'gw-athens-1', seen_at: iso(now - 1.3 * minute), alert: null }]
}

/** A score lists its inputs. */
function makeNews2(patient, now) {
  const at = now - 12 * minute
  const inputs = [['resp_rate', '23', '/min'], ['spo2', '93', '%'], ['oxygen_in_use', '1', '1'], ['blood_pressure.systolic', '104', 'mm[Hg]'], ['heart_rate', '112', '/min'], ['consciousness', '0', '1'], ['body_temp', '38.4', 'Cel']]
  const readings = inputs.map(([metric, value, unit], i) => ({ observation: uuid(60 + i), metric, value, unit, measured_at: iso(at - i * minute) }))
  return {
    ...makeAlert({ ...troubles[0], rule: 'news2-7' }, patient, now), title: 'NEWS2 of 7 or more', opened_at: iso(at), readings,
    explanation: 'NEWS2 is 10: respiratory rate 2, SpO2 2, oxygen 2, systolic blood pressure 1, heart rate 2, consciousness 0, temperature 1.\nEmergency response: urgent assessment by a team with critical care skills.',
    limits: { metric: 'news2', raise: 'at or above 7', clear: 'below 7', for: null, unit: '1', source: 'RCP NEWS2 (2017)' }, updates: [{ at: iso(at), change: 'opened', because: readings[0] }],
  }
}

function makeClosed(patient, now) {
  const at = now - 5 * hour
  return {
    ...makeAlert(troubles[1], patient, now), priority: 'medium', opened_at: iso(at), condition: 'cleared', cleared_at: iso(at + 9 * minute), acknowledged_by: 'nurse.patel', acknowledged_at: iso(at + 4 * minute),
    outcome: { outcome: 'artefact', note: 'Was climbing stairs; 84 at rest.', by: 'dr.keller', at: iso(at + 15 * minute) },
  }
}

/** A new high alert, some time after the start. */
export function raiseHigh(patient, now) {
  const trouble = { metric: 'spo2', value: 84, direction: 'down', rule: 'copd-spo2-low', priority: 'high', title: 'Low oxygen saturation (COPD)', op: '< 88', clear: '>= 89', for: '5m', age_min: 0 }
  patient.values.spo2 = 84
  patient.trouble = trouble
  const alert = makeAlert(trouble, patient, now)
  patient.alerts.unshift(alert)
  return alert
}

const shown = (value, digits) => value.toFixed(digits)

export function tiles(patient, now) {
  return metrics.map((m) => {
    const value = patient.values[m.metric]
    const at = patient.measured[m.metric]
    const age = (now - at) / 1000
    const absent = patient.absent === m.metric
    const text = m.metric === 'blood_pressure' ? `${shown(value, 0)}/${shown(value * 0.62, 0)}` : shown(value, m.digits)
    const never = m.metric === 'body_weight' && patient.id === 'p-020'
    return {
      metric: m.metric, label: m.label, unit: m.unit, text: never || absent ? null : text, measured_at: never ? null : iso(at), age_limit_s: m.age_limit_s,
      state: never ? 'none' : age <= m.age_limit_s ? 'fresh' : age <= 2 * m.age_limit_s ? 'late' : 'stale',
      direction: patient.trouble?.metric === m.metric ? patient.trouble.direction : null,
      flags: patient.flags[m.metric] ?? [], absent_reason: absent ? 'not-a-number' : null, observation: never ? null : uuid(Number(patient.id.slice(2)) * 100),
    }
  })
}

const rank = { high: 0, medium: 1, low: 2, technical: 3 }

export function toRow(patient, now) {
  const open = patient.alerts.filter((a) => a.condition === 'active' || a.acknowledged_by === null)
  const [alert = null] = [...open].sort((a, b) => Number(a.acknowledged_by !== null) - Number(b.acknowledged_by !== null) || rank[a.priority] - rank[b.priority])
  const bucket = alert === null ? (patient.silent === null ? 'rest' : 'no_data') : alert.acknowledged_by === null ? 'unacknowledged' : 'active'
  const place = ['unacknowledged', 'active', 'no_data', 'rest'].indexOf(bucket)
  const newest = Math.max(...Object.values(patient.measured))
  return {
    patient: patient.id, name: patient.name, age_years: patient.age_years, sex: patient.sex, identifier: patient.identifier, zone: patient.zone,
    programmes: patient.programmes, bucket, order: [place, alert ? rank[alert.priority] : 0, alert ? Date.parse(alert.opened_at) : 0, patient.name, patient.id],
    why: alert ? `${alert.title}: ${alert.limits.raise}${alert.limits.for ? ` for ${alert.limits.for}` : ''}` : patient.silent === null ? '' : `No data for ${Math.round((now - newest) / hour)} h (${patient.silent})`,
    silence: patient.silent === null ? null : { since: iso(newest), cause: patient.silent }, alert, alert_count: open.length, last_measured_at: iso(newest), last_received_at: iso(newest + 900), vitals: tiles(patient, now),
  }
}

/** A stored history with a night's gap, thinned for long ranges as the server does. */
export function series(patient, hours, now) {
  const made = []
  for (const m of metrics) {
    if (patient.silent === 'patient' && hours < 48) continue
    const step = Math.max(m.every_ms, (hours * hour) / 900)
    const end = patient.measured[m.metric]
    const t = []
    for (let at = end - Math.floor((hours * hour) / step) * step; at <= end; at += step) {
      const inGap = m.every_ms < hour && at > end - 2.4 * hour && at < end - 1.9 * hour
      if (!inGap && at > now - hours * hour) t.push(Math.round(at))
    }
    const drift = (at) => Math.sin(at / (5 * hour)) * m.swing + Math.sin(at / (17 * minute)) * m.swing * 0.4
    const late = (at) => (patient.trouble?.metric === m.metric && at > now - (patient.trouble.age_min + 12) * minute ? patient.values[m.metric] - m.base : 0)
    const value = (at) => Number((m.base + drift(at) + late(at)).toFixed(m.digits))
    const base = { metric: m.metric, device: 'd-1', label: m.label, unit: m.unit, gap_ms: m.every_ms * 3, t }
    const lines = (key) => (limits[key] ?? []).map(([rule, priority, op, v]) => ({ rule, priority, op, value: v }))
    if (m.metric === 'blood_pressure') {
      made.push({ ...base, component: 'systolic', v: t.map(value), limits: lines('systolic') })
      made.push({ ...base, component: 'diastolic', v: t.map((at) => Math.round(value(at) * 0.62)), limits: [] })
    } else {
      const flags = t.map((_, i) => (m.metric === 'resp_rate' && i === t.length - 30 ? 1 : 0))
      made.push({ ...base, component: null, v: t.map(value), flags, limits: lines(m.metric) })
    }
  }
  return { server_time: iso(now), from: iso(now - hours * hour), to: iso(now), series: made }
}

export function observation(id) {
  return {
    resourceType: 'Observation', id, meta: { tag: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }] }, status: 'final',
    category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }],
    code: { coding: [{ system: 'http://loinc.org', code: '59408-5', display: 'Oxygen saturation in Arterial blood by Pulse oximetry' }], text: 'SpO2' },
    subject: { reference: 'Patient/p-001' }, effectiveDateTime: '2026-11-22T11:42:00.000+01:00', device: { reference: 'Device/d-001' },
    valueQuantity: { value: 86, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
  }
}
