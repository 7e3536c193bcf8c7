/** Claim codes as people type them: eight letters, in any case, with or without dash and spaces. */

// No vowels, so that no code is a word, and nothing that looks like a digit.
const letters = 'BCDFGHJKLMNPQRSTVWXZ'
const length = 8

/** The letters and digits alone, in capitals. */
function bare(typed: string): string {
  return typed.toUpperCase().replace(/[^\p{L}\p{N}]/gu, '')
}

/** "BCDF-GHJK", also while it is being typed. */
export function shownCode(typed: string): string {
  const code = bare(typed)
  return code.length > length / 2 ? `${code.slice(0, length / 2)}-${code.slice(length / 2)}` : code
}

/** What cannot be a code, in words; null when it can be one. */
export function codeProblem(typed: string): string | null {
  const code = bare(typed)
  if (code === '') return 'Type the eight letters of your code.'
  const strangers = [...new Set(code)].filter((each) => !letters.includes(each))
  if (strangers.length > 0) return `${strangers.join(' and ')} ${strangers.length === 1 ? 'is' : 'are'} never in a code. Please compare with the card.`
  if (code.length < length) return `A code has ${String(length)} letters. You typed ${String(code.length)}.`
  return code.length > length ? `A code has only ${String(length)} letters. You typed ${String(code.length)}.` : null
}
