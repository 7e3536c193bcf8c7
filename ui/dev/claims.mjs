/**
 * Pretend devices and claims for `mock.mjs`. Codes: BBBB-BBBB an open cuff (Bluetooth), CCCC-CCCC an open scale (MQTT), DDDD-DDDD an oximeter,
 * FFFF-FFFF used, GGGG-GGGG expired, HHHH-HHHH somebody else's; the fifth wrong one in a row slows down.
 * POST /mock/claim {"device", "text"?, "ago_s"?} lets a reading come, {"device", "trouble": CODE} lets the page know why none does, {"forget": true} begins anew.
 */
import { iso } from './data.mjs'

const minute = 60_000
const letters = 'BCDFGHJKLMNPQRSTVWXZ'
const troubleTexts = {
  'nothing-came': 'We have not heard from your device yet.',
  'gateway-silent': 'We have not heard from the box at home for 4 minutes. Check that its plug is in and its light is on.',
  'device-refused': 'Your device calls, but with old settings. Enter the new ones, or call your care team.',
  'too-far': 'We hear your device only faintly. Take it closer to the box that was plugged in for you.',
  'time-unknown': 'A reading came, but your device did not say when it was measured. Please take one more.',
}
const kinds = {
  cuff: { label: 'Blood pressure', unit: 'mm[Hg]', text: '128/79' },
  scale: { label: 'Weight', unit: 'kg', text: '78.4' },
  oximeter: { label: 'SpO2', unit: '%', text: '97' },
}

function device(id, picture, transport, maker, model, state, more = {}) {
  return {
    id, picture, transport, maker, model, firmware: '1.4.2', serial: `SN${String(10_000 + id.length * 731)}${id.slice(-2)}`, state, state_since: iso(Date.now() - 26 * 60 * minute), patient: null, battery_percent: 82,
    last_received_at: null, online: transport === 'mqtt' ? false : null, signal_dbm: null, signal: null, gateway: null, stuck: null, ...more,
  }
}

function start() {
  const now = Date.now()
  const used = { patient: 'p-004', last_received_at: iso(now - 40_000), online: true }
  return {
    devices: [
      device('cuff-17', 'cuff', 'ble', 'A&D', 'UA-651BLE', 'claim-open', { patient: 'p-001', state_since: iso(now - 31 * minute), stuck: { step: 'claim-open', since: iso(now - 31 * minute) } }),
      device('scale-03', 'scale', 'mqtt', 'Withings', 'Body Pro', 'claim-open', { patient: 'p-001' }),
      device('oxi-22', 'oximeter', 'ble', 'Nonin', '3230', 'claim-open', { patient: 'p-001', battery_percent: 14 }),
      device('strap-08', 'strap', 'ble', 'Polar', 'H10', 'claimed', { patient: 'p-007', state_since: iso(now - 12 * minute), stuck: { step: 'claimed', since: iso(now - 12 * minute) }, signal: 'far', signal_dbm: -91, gateway: 'gw-lisbon-2' }),
      device('therm-11', 'thermometer', 'ble', 'Philips', 'DL8740', 'proven', { ...used, signal: 'good', signal_dbm: -58, gateway: 'gw-athens-1' }),
      device('hub-31', 'cuff', 'mqtt', 'Bodytel', 'PressureTel', 'proven', { ...used, battery_percent: null }),
      device('cuff-18', 'cuff', 'ble', 'A&D', 'UA-651BLE', 'made', { battery_percent: null, firmware: null }),
      device('scale-04', 'scale', 'mqtt', 'Withings', 'Body Pro', 'returned', { last_received_at: iso(now - 70 * 60 * minute) }),
    ],
    codes: new Map([['BBBBBBBB', 'cuff-17'], ['CCCCCCCC', 'scale-03'], ['DDDDDDDD', 'oxi-22']]), claims: new Map(), wrong: 0, wait_until: 0,
  }
}

let world = start()
const find = (id) => world.devices.find((each) => each.id === id)
/** Staff see no drawing. */
const shown = (each) => ({ ...each, picture: undefined })

function move(each, state, more = {}) {
  Object.assign(each, { state, state_since: iso(Date.now()), stuck: null }, more)
  return { status: 200, body: shown(each) }
}

const refuse = (status, code, message, more = {}) => ({ status, body: { error: { code, message, ...more } } })

function byCode(typed) {
  const code = String(typed).toUpperCase().replace(/[^A-Z]/g, '')
  const left_ms = world.wait_until - Date.now()
  if (left_ms > 0) return refuse(429, 'slow-down', 'Too many wrong codes. Wait, then try again.', { retry_after_s: Math.ceil(left_ms / 1000) })
  if (code === 'FFFFFFFF') return refuse(410, 'used-code', 'This code was used already. Ask for a new one.')
  if (code === 'GGGGGGGG') return refuse(410, 'expired-code', 'This code has expired. Ask for a new one.')
  if (code === 'HHHHHHHH') return refuse(409, 'other-patient', 'This device is reserved for somebody else. Call your care team.')
  const found = find(world.codes.get(code))
  if (found !== undefined) return { code, found }
  world.wrong += 1
  if (world.wrong >= 5) { world.wrong = 0; world.wait_until = Date.now() + 20_000 }
  return refuse(404, 'wrong-code', 'No device has this code. Compare it with the card.')
}

const facts = ({ id, transport, maker, model, serial, picture }) => ({ id, transport, maker, model, serial_end: serial.slice(-4), picture })

/** Of two within two minutes neither can be confirmed; the next one after them can. */
function candidates(readings) {
  const found = readings.filter(({ aside }) => !aside).map((each) => ({ ...each, confirmable: true })).reverse()
  found.forEach((each, i) => {
    const before = found[i - 1]
    if (before?.confirmable && Date.parse(each.measured_at) - Date.parse(before.measured_at) <= 2 * minute) before.confirmable = each.confirmable = false
  })
  return found.reverse().slice(0, 5)
}

function view(claim, credentials = null) {
  const { since, state, readings, trouble } = claim
  const waiting_s = Math.round((Date.now() - since) / 1000)
  return {
    device: facts(claim.device), state, since: iso(since), credentials, candidates: candidates(readings), waiting_s,
    trouble: trouble ?? (waiting_s > 120 && readings.length === 0 ? { code: 'nothing-came', text: troubleTexts['nothing-came'] } : null),
  }
}

function claim(body) {
  const { code, found, ...refused } = byCode(body.code)
  if (found === undefined) return refused
  world.codes.delete(code)
  const made = { device: found, state: 'claimed', since: Date.now(), readings: [], trouble: null }
  world.claims.set(found.id, made)
  move(found, 'claimed')
  const credentials = found.transport === 'mqtt' ? { username: found.id, password: 'q7mz-4kwh-tr2c-9vbx', url: 'mqtts://vitals.example.org:8883' } : null
  return { status: 201, body: view(made, credentials) }
}

function act(made, what, { reading }) {
  if (what === 'cancel') {
    made.state = 'cancelled'
    move(made.device, 'made', { patient: null })
  } else if (what === 'not-mine') made.readings.forEach((each) => { if (each.reading === reading) each.aside = true })
  else {
    made.state = 'proven'
    move(made.device, 'proven', { last_received_at: iso(Date.now()) })
  }
  return { status: 200, body: view(made) }
}

/** What a test or a person lets happen; see above. */
export function happen({ device: id, text, ago_s = 0, trouble, forget }) {
  if (forget) { world = start(); return {} }
  const made = world.claims.get(id)
  if (made === undefined) return { error: 'not claimed' }
  if (trouble !== undefined) made.trouble = { code: trouble, text: troubleTexts[trouble] }
  else {
    const at = Date.now() - ago_s * 1000
    const kind = kinds[made.device.picture]
    made.trouble = null
    made.readings.unshift({ reading: `r-${String(made.readings.length)}`, ...kind, text: text ?? kind.text, measured_at: iso(at), received_at: iso(at + 800) })
  }
  return view(made)
}

function staff(method, id, what, body) {
  if (id === undefined) {
    if (method === 'GET') return { status: 200, body: { devices: world.devices.map(shown) } }
    if (find(body.id)) return refuse(409, 'known-device', `There is a device ${body.id} already. Choose another id.`)
    world.devices.push(device(body.id, 'box', body.transport, body.maker, body.model, 'made', { serial: body.serial ?? null, firmware: body.firmware ?? null, battery_percent: null }))
    return { status: 201, body: shown(find(body.id)) }
  }
  const each = find(id)
  if (each === undefined) return refuse(404, 'not-found', 'There is no such device.')
  if (what === 'kit') return move(each, 'kitted', { patient: body.patient })
  if (what === 'return') return move(each, 'returned', { patient: null })
  const code = Array.from({ length: 8 }, () => letters[Math.floor(Math.random() * letters.length)]).join('')
  world.codes.set(code, id)
  move(each, 'claim-open')
  const text = `${code.slice(0, 4)}-${code.slice(4)}`
  return { status: 200, body: { code: text, expires_at: iso(Date.now() + (body.kind === 'screen' ? 15 * minute : 90 * 24 * 60 * minute)), url: `/claim?code=${text}` } }
}

/** Answers what is about devices and claims; undefined for everything else. */
export function answer(method, path, body, gateways) {
  const [, kind, id, what] = /^\/api\/(devices|gateways|claims)(?:\/([^/]+))?(?:\/([\w-]+))?$/.exec(path) ?? []
  if (kind === 'gateways') return { status: 200, body: { gateways: [{ gateway: 'gw-berlin-1', seen_at: iso(Date.now() - 4_000), online: true, devices: 14 }, ...gateways.map(({ gateway, seen_at }) => ({ gateway, seen_at, online: false, devices: 3 }))] } }
  if (kind === 'devices') return staff(method, id, what, body)
  if (kind !== 'claims') return undefined
  if (id === 'look') {
    const looked = byCode(body.code)
    return looked.found === undefined ? looked : { status: 200, body: { device: facts(looked.found) } }
  }
  if (id === undefined) return claim(body)
  const made = world.claims.get(id)
  if (made === undefined) return refuse(404, 'not-found', 'There is no such claim.')
  return what === undefined ? { status: 200, body: view(made) } : act(made, what, body)
}
