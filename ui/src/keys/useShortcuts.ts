import { useEffect } from 'react'
import { useSingleKeys } from './settings'

export type Shortcuts = Record<string, () => void>

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
}

/** An open dialog has the keyboard to itself, also for the Escape that has just closed it. */
function inDialog(target: EventTarget | null): boolean {
  const within = target instanceof HTMLElement && target.closest('[role="dialog"]') !== null
  return within || document.querySelector('[role="dialog"]') !== null
}

/** Opens the question how to close the first alert in sight that is not closed. */
export function pressClose(): void {
  document.querySelector<HTMLButtonElement>('[data-close-alert]')?.click()
}

/** Single keys for the screen in front; Escape works even when the others are switched off. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const on = useSingleKeys()
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
      if (inDialog(event.target) || isTyping(event.target)) return
      const action = on || event.key === 'Escape' ? shortcuts[event.key] : undefined
      if (action === undefined) return
      event.preventDefault()
      action()
    }
    window.addEventListener('keydown', listen)
    return () => {
      window.removeEventListener('keydown', listen)
    }
  }, [on, shortcuts])
}
