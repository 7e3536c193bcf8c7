/**
 * A stand-in for the server, for work on the page alone: the built page, the REST routes and the live stream with changing values.
 *   node dev/mock.mjs [--port 8080] [--patients 20]
 * Sign in as `clinician` (or `patient`, `administrator`) with any password but `wrong`.
 * POST /mock/mode {"mode": "ok" | "error" | "forbidden" | "signed-out" | "silent"} puts the server into a bad mood; {"raise": "p-004"} raises an alert;
 * POST /mock/claim is described in claims.mjs;
 * {"blind": true} lets every patient be silent because of the pipeline; {"slow_ms": 2000} delays answers to writes.
 */
import { createReadStream, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { answer, happen } from './claims.mjs'
import { hour, iso, makeWorld, observation, raiseHigh, random, toRow } from './data.mjs'
import { charted, enter, page, stored } from './readings.mjs'

const { values: args } = parseArgs({ options: { port: { type: 'string', default: '8080' }, patients: { type: 'string', default: '20' } } })
const root = fileURLToPath(new URL('../../api/static/', import.meta.url))
const world = makeWorld(Date.now(), Number(args.patients))
const streams = new Set()
let mode = 'ok'
let me = null
let alertSequence = 0
let slow_ms = 0

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

const fail = (response, status, code, message, more = {}) => { send(response, status, { error: { code, message, ...more } }) }

const gatewayAlerts = () => world.gateways.map(({ alert }) => alert).filter((alert) => alert !== null)
const alerts = () => [...world.patients.flatMap((p) => p.alerts), ...gatewayAlerts()]

function counts(rows) {
  const open = alerts().filter((a) => a.condition === 'active' || a.acknowledged_by === null)
  const of = (priority) => open.filter((a) => a.priority === priority).length
  return { high: of('high'), medium: of('medium'), low: of('low'), technical: of('technical'), no_data: rows.filter((r) => r.bucket === 'no_data').length, patients: rows.length }
}

function worklist() {
  const rows = world.patients.map((p) => toRow(p, Date.now()))
  return { server_time: iso(Date.now()), simulated: true, counts: counts(rows), gateways: world.gateways, rows }
}

function emit(type, data, id) {
  if (mode === 'silent') return
  const text = `${id === undefined ? '' : `id: ${String(id)}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
  for (const stream of streams) stream.write(text)
}

function emitRows(patients, points = []) {
  const all = worklist()
  emit('vitals', { server_time: all.server_time, counts: all.counts, gateways: all.gateways, rows: patients.map((p) => toRow(p, Date.now())), points })
}

const jumps = { heart_rate: 1.5, spo2: 0.6, resp_rate: 0.7 }

function live() {
  const now = Date.now()
  const points = []
  const moved = world.patients.filter((p) => p.silent === null && random() < 0.4)
  for (const patient of moved) {
    for (const [metric, jump] of Object.entries(jumps)) {
      const troubled = patient.trouble?.metric === metric ? patient.trouble.value : null
      const home = troubled ?? { heart_rate: 74, spo2: 95, resp_rate: 16 }[metric]
      const value = patient.values[metric] + (random() - 0.5) * 2 * jump
      patient.values[metric] = value + (home - value) * 0.1
      patient.measured[metric] = now
      points.push([patient.id, metric, null, 'd-1', now, Math.round(patient.values[metric]), 0, null])
    }
  }
  emitRows(moved, points)
}

function find(id) {
  return world.patients.find((p) => p.id === id)
}

function patientView(patient) {
  const now = Date.now()
  const { id, name, age_years, born, sex, zone, programmes, identifier } = patient
  const device = (n, model, battery) => ({ id: n, model, online: patient.silent === null || patient.silent === 'patient', last_received_at: toRow(patient, now).last_received_at, battery_percent: battery, bound_since: iso(now - 19 * 24 * hour) })
  return {
    server_time: iso(now),
    patient: { id, name, age_years, born, sex, zone, programmes: programmes.map((programme) => ({ programme, since: null })), identifiers: [identifier], spo2_target: programmes.includes('copd') ? [88, 92] : null },
    row: toRow(patient, now), alerts: patient.alerts,
    devices: [device('d-1', 'Nonin 3230 pulse oximeter', 64), device('d-2', 'A&D UA-651BLE', null)],
  }
}

function acknowledge(response, alert) {
  if (alert.acknowledged_by !== null) {
    fail(response, 409, 'already-acknowledged', `${alert.acknowledged_by} was first.`, { by: alert.acknowledged_by, at: alert.acknowledged_at })
    return
  }
  alert.acknowledged_by = me.user
  alert.acknowledged_at = iso(Date.now())
  told(response, alert)
}

function told(response, alert) {
  alertSequence += 1
  send(response, 200, alert)
  emit('alert', alert, alertSequence)
  emitRows(alert.patient === null ? [] : [find(alert.patient)])
}

function close(response, alert, { outcome, note = null }) {
  if (alert.outcome !== null) {
    fail(response, 409, 'already-closed', `${alert.outcome.by} was first.`, { by: alert.outcome.by, at: alert.outcome.at })
    return
  }
  alert.outcome = { outcome, note, by: me.user, at: iso(Date.now()) }
  alert.acknowledged_by ??= me.user
  alert.acknowledged_at ??= iso(Date.now())
  told(response, alert)
}

function markWrong(response, id, { reason, note = null }) {
  const patient = world.patients.find((p) => stored(p, Date.now()).some(({ observation }) => observation === id))
  const reading = patient && stored(patient, Date.now()).find(({ observation }) => observation === id)
  if (!reading) { fail(response, 404, 'not-found', 'There is no such reading.'); return }
  if (reading.wrong) { fail(response, 409, 'already-marked', `${reading.wrong.by} was first.`, { by: reading.wrong.by, at: reading.wrong.at }); return }
  Object.assign(reading, { status: 'entered-in-error', version: 2, wrong: { reason, note, by: me.user, at: iso(Date.now()) } })
  send(response, 202, { observation: id, ...reading.wrong })
  emitRows([patient])
}

function addReadings(response, patient, body) {
  const { refused, points } = enter(patient, body, Date.now())
  if (refused !== undefined) { fail(response, 422, 'bad-reading', 'The value has more digits than can be kept.', { reading: refused, reason: 'bad-value' }); return }
  send(response, 201, { entry: body.entry, accepted: body.readings.length })
  emitRows([patient], points)
}

function openStream(response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  streams.add(response)
  if (mode !== 'silent') response.write(`event: snapshot\ndata: ${JSON.stringify(worklist())}\n\n`)
  response.on('close', () => streams.delete(response))
}

function control(response, body) {
  mode = body.mode ?? mode
  if (body.mode === 'signed-out') { me = null; mode = 'ok'; for (const stream of streams) stream.end() }
  if (body.patients !== undefined) world.patients.splice(body.patients)
  if (body.blind) { for (const p of world.patients) p.silent = 'pipeline'; emitRows(world.patients) }
  slow_ms = body.slow_ms ?? slow_ms
  if (body.first) { const alert = alerts().find((a) => a.id === body.first); alert.acknowledged_by = 'dr.keller'; alert.acknowledged_at = iso(Date.now()) }
  if (body.raise) { const patient = find(body.raise); alertSequence += 1; emit('alert', raiseHigh(patient, Date.now()), alertSequence); emitRows([patient]) }
  if (body.resync) emit('resync', {})
  send(response, 200, { mode, streams: streams.size })
}

async function readBody(request) {
  let text = ''
  for await (const chunk of request) text += chunk
  return text === '' ? {} : JSON.parse(text)
}

async function api(request, response, path) {
  if (path === '/mock/mode') { control(response, await readBody(request)); return }
  if (path === '/mock/claim') { send(response, 200, happen(await readBody(request))); return }
  if (path === '/api/sign-in') {
    const { user, password } = await readBody(request)
    if (password === 'wrong') { fail(response, 401, 'wrong-credentials', 'User or password is wrong. Check both and try again.'); return }
    const role = ['patient', 'administrator'].includes(user) ? user : 'clinician'
    me = { user, role, patient: role === 'patient' ? 'p-001' : null, simulated: true, server_time: iso(Date.now()) }
    send(response, 200, me)
    return
  }
  if (me === null) { fail(response, 401, 'signed-out', 'Sign in.'); return }
  if (mode === 'error' && path !== '/api/me') { fail(response, 503, 'not-ready', 'The server is starting: wait a few seconds, then try again.'); return }
  if (mode === 'forbidden' && path !== '/api/me') { fail(response, 403, 'forbidden', 'Your account may not see this.'); return }
  if (request.method === 'POST' && request.headers['x-requested-with'] !== 'vitalstream') { fail(response, 403, 'csrf', 'Header missing.'); return }
  if (path === '/api/sign-out') { me = null; send(response, 204); return }
  if (path === '/api/me') { send(response, 200, me); return }
  if (path === '/api/worklist') { send(response, 200, worklist()); return }
  if (path === '/api/live') { openStream(response); return }
  const [, kind, id, action] = /^\/(?:api|fhir)\/(\w+)\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? []
  if (kind === 'Observation') { send(response, 200, observation(id), { 'Content-Type': 'application/fhir+json' }); return }
  const alert = kind === 'alerts' && alerts().find((a) => a.id === id)
  const patient = kind === 'patients' && find(id)
  const body = request.method === 'POST' ? await readBody(request) : {}
  if (request.method === 'POST' && slow_ms > 0) await new Promise((go) => { setTimeout(go, slow_ms) })
  const answered = answer(request.method, path, body, world.gateways)
  if (answered !== undefined) { send(response, answered.status, answered.body); return }
  if (kind === 'observations') { markWrong(response, id, body); return }
  if (alert) {
    if (action === 'acknowledge') acknowledge(response, alert)
    else if (action === 'close') close(response, alert, body)
    else send(response, 200, alert)
    return
  }
  if (!patient) { fail(response, 404, 'not-found', 'There is no such thing.'); return }
  const query = new URL(request.url, 'http://mock').searchParams
  if (action === 'readings') {
    if (request.method === 'POST') addReadings(response, patient, body)
    else send(response, 200, page(patient, query, Date.now()))
    return
  }
  send(response, 200, action === 'series' ? charted(patient, Number(query.get('hours') ?? 6), Date.now()) : patientView(patient))
}

function file(response, path) {
  const wanted = join(root, normalize(path))
  const found = wanted.startsWith(root) && extname(wanted) !== '' && existsSync(wanted) ? wanted : join(root, 'index.html')
  response.writeHead(200, { 'Content-Type': types[extname(found)] ?? 'application/octet-stream', 'Content-Security-Policy': policy })
  createReadStream(found).pipe(response)
}

createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://mock')
  if (/^\/(api|fhir|mock)\//.test(pathname)) void api(request, response, pathname)
  else file(response, pathname)
}).listen(Number(args.port), '127.0.0.1', () => { process.stdout.write(`http://127.0.0.1:${args.port}\n`) })

setInterval(live, 1_000)
setInterval(() => { emit('hb', { server_time: iso(Date.now()), lag_s: 0.2 }) }, 5_000)
