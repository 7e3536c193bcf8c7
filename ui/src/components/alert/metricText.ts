/** A metric's key as words: the few that need more than a space instead of an underscore are listed. */
const words: Record<string, string> = { spo2: 'SpO2', resp_rate: 'respiratory rate', body_temp: 'body temperature', oxygen_in_use: 'oxygen', news2: 'NEWS2' }

export function metricText(metric: string): string {
  const [name = metric, component] = metric.split('.')
  const text = words[name] ?? name.replaceAll('_', ' ')
  const whole = component === undefined ? text : `${text}, ${component}`
  return whole.charAt(0).toUpperCase() + whole.slice(1)
}
