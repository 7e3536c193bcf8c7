import { useSyncExternalStore } from 'react'

/** Whether single-key shortcuts work (WCAG 2.1.4 asks for a way to switch them off). Kept in this browser. */
const key = 'vitalstream-single-keys'
const listeners = new Set<() => void>()

function read(): boolean {
  try {
    return localStorage.getItem(key) !== 'off'
  } catch {
    return true // storage refused by the browser: the default
  }
}

export function setSingleKeys(on: boolean): void {
  try {
    localStorage.setItem(key, on ? 'on' : 'off')
  } catch {
    return // nothing to remember it in
  }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useSingleKeys(): boolean {
  return useSyncExternalStore(subscribe, read)
}
