/** Times, ages and units as people read them: the one place where they become text. */
import type { Alert, Freshness, Priority, Row } from '../api/types'

const units: Record<string, string> = {
  'mm[Hg]': 'mmHg',
  Cel: '°C',
  '[degF]': '°F',
  '[lb_av]': 'lb',
  '/min': '/min',
  '{beats}/min': '/min',
  '1': '',
}

/** A UCUM code as printed at the bedside; what is not known stays as it is. */
export function unitText(unit: string): string {
  return units[unit] ?? unit
}

const programmes: Record<string, string> = {
  copd: 'COPD',
  'heart-failure': 'Heart failure',
  hypertension: 'Hypertension',
  'virtual-ward': 'Virtual ward',
  diabetes: 'Diabetes',
  general: 'General',
  technical: 'Technical',
}

function programmeText(id: string): string {
  return programmes[id] ?? id
}

/** Programmes worth a reader's time: every patient has the two base ones. */
export function programmesText(ids: string[]): string {
  const own = ids.filter((id) => id !== 'general' && id !== 'technical')
  return (own.length > 0 ? own : ids.slice(0, 1)).map(programmeText).join(', ')
}

export const priorityWord: Record<Priority, string> = {
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  technical: 'Technical',
}

export const prioritySymbol: Record<Priority, string> = { high: '!!!', medium: '!!', low: '!', technical: '' }

export function personText(row: Pick<Row, 'age_years' | 'sex'>): string {
  const age = row.age_years === null ? null : `${String(row.age_years)} y`
  return [age, row.sex].filter((part) => part !== null && part !== '').join(', ')
}

/** Whom or what an alert is about. */
export function subjectText(alert: Pick<Alert, 'patient' | 'patient_name' | 'gateway'>): string {
  return alert.patient_name ?? alert.patient ?? `Gateway ${alert.gateway ?? ''}`
}

/** A value's text: codes and yes or no as words, numbers as they are. */
export function valueText(metric: string, text: string): string {
  return valueWords[metric]?.[text] ?? text
}

const levelWords = { A: 'A, alert', C: 'C, new confusion', V: 'V, responds to voice', P: 'P, responds to pain', U: 'U, unresponsive' }

// Lists of readings send a letter or yes and no, the inputs of a score the number behind it.
const valueWords: Record<string, Record<string, string>> = {
  consciousness: { ...levelWords, ...Object.fromEntries(Object.values(levelWords).map((word, i) => [String(i), word])) },
  oxygen_in_use: { yes: 'on oxygen', no: 'on air', 1: 'on oxygen', 0: 'on air' },
}

/** The zone of this screen, for what belongs to no patient. */
export function screenZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

const second = 1
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Age of a value. Coarse below a minute, so that a calm page does not flicker: "now", "20 s", "4 min", "3 h", "2 d". */
export function ageText(age_s: number): string {
  if (age_s < 10) return 'now'
  if (age_s < minute) return `${String(Math.floor(age_s / 10) * 10)} s`
  if (age_s < hour) return `${String(Math.floor(age_s / minute))} min`
  if (age_s < 2 * day) return `${String(Math.floor(age_s / hour))} h`
  return `${String(Math.floor(age_s / day))} d`
}

/** "2 s ago", exact, for the live chip. */
export function agoText(age_s: number): string {
  const age = Math.max(0, Math.floor(age_s))
  if (age < minute) return `${String(age)} s ago`
  return `${ageText(age)} ago`
}

/** Age in words for a sentence: "just now", "4 min ago". */
export function sinceText(age_s: number): string {
  return age_s < 10 ? 'just now' : `${ageText(age_s)} ago`
}

/** The contract's rule: up to once the expected age fresh, up to twice late, beyond stale. */
export function freshness(measuredAt: string | null, age_limit_s: number, now_ms: number): Freshness {
  if (measuredAt === null) return 'none'
  const age_s = (now_ms - Date.parse(measuredAt)) / 1000
  if (age_s <= age_limit_s) return 'fresh'
  return age_s <= 2 * age_limit_s ? 'late' : 'stale'
}

// Making an Intl formatter costs about as much as a thousand uses of it.
const formatters = new Map<string, Intl.DateTimeFormat>()

function formatter(zone: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${name}`
  let found = formatters.get(key)
  if (found === undefined) {
    try {
      found = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone })
    } catch {
      // A zone this browser does not know: show UTC; `offsetText` then says UTC too.
      found = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' })
    }
    formatters.set(key, found)
  }
  return found
}

/** "10:42" in the zone. */
export function clockText(ms: number, zone: string): string {
  return formatter(zone, 'clock', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms)
}

/** "10:42:05" in the zone. */
export function clockSecondsText(ms: number, zone: string): string {
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  return formatter(zone, 'seconds', options).format(ms)
}

/** "22 Nov" in the zone. */
export function dayText(ms: number, zone: string): string {
  return formatter(zone, 'day', { day: 'numeric', month: 'short' }).format(ms)
}

/** "10:42" on the same day as now, "21 Nov 10:42" on another, with the year when that differs. */
export function timeText(time: string | number, zone: string, now_ms: number, clock = clockText): string {
  const ms = typeof time === 'number' ? time : Date.parse(time)
  const date = formatter(zone, 'date', { year: 'numeric', month: '2-digit', day: '2-digit' })
  const [then, today] = [date.format(ms), date.format(now_ms)]
  if (then === today) return clock(ms, zone)
  const year = then.slice(-4)
  const on = year === today.slice(-4) ? dayText(ms, zone) : `${dayText(ms, zone)} ${year}`
  return `${on} ${clock(ms, zone)}`
}

/** The whole instant with its zone, for titles: "Sun, 22 Nov 2026, 11:42:05 UTC+1". */
export function fullTimeText(time: string, zone: string): string {
  const ms = Date.parse(time)
  const options = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' } as const
  return `${formatter(zone, 'full', options).format(ms)}, ${clockSecondsText(ms, zone)} ${offsetText(zone, ms)}`
}

/** "UTC+1" at that instant. */
export function offsetText(zone: string, ms: number): string {
  const parts = formatter(zone, 'offset', { timeZoneName: 'shortOffset' }).formatToParts(ms)
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? 'GMT'
  return name.replace('GMT', 'UTC')
}

/** A calendar date as sent (2026-11-22), in words, without any zone arithmetic. */
export function dateText(date: string): string {
  return formatter('UTC', 'born', { day: 'numeric', month: 'short', year: 'numeric' }).format(Date.parse(date))
}

/** A number as the series holds it, without noise digits. */
export function numberText(value: number): string {
  return String(Math.round(value * 100) / 100)
}

/** A limit as the server writes it (">= 89") in print. */
export function limitText(limit: string): string {
  return limit.replace('>=', '≥').replace('<=', '≤')
}

/** A number stays on one line with its unit. */
export function keepUnits(text: string): string {
  return text.replace(/(\d) (?=[%°a-z/])/gi, '$1\u00a0')
}

export function countText(n: number, one: string, many = `${one}s`): string {
  return `${String(n)} ${n === 1 ? one : many}`
}
