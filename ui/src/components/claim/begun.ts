/** Which claim this browser began last: the device's id and who was signed in, so that it can be gone on with. */
const key = 'vitalstream-claim'

export function lastBegun(user: string): string | null {
  try {
    const [who, device] = JSON.parse(localStorage.getItem(key) ?? '[]') as (string | undefined)[]
    return who === user && device !== undefined ? device : null
  } catch {
    return null // storage refused by the browser, or not ours
  }
}

export function keepBegun(user: string, device: string | null): void {
  try {
    if (device === null) localStorage.removeItem(key)
    else localStorage.setItem(key, JSON.stringify([user, device]))
  } catch {
    return // nothing to remember it in
  }
}
