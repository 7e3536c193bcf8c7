import type { Row } from '../../api/types'
import { programmesText } from '../../format/format'

/** Every word of the query is found somewhere in what the row says about the patient; accents do not matter. */
export function matches(row: Row, query: string): boolean {
  const said = plain([row.name, row.patient, row.identifier?.value, programmesText(row.programmes)].filter(Boolean).join(' '))
  return plain(query)
    .split(/\s+/)
    .every((word) => said.includes(word))
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{Diacritic}/gu, '').toLowerCase()
}
