import { useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { Moon, Sun, SunMoon } from 'lucide-react'
import { IconButton } from '../IconButton'

const next: Record<MantineColorScheme, MantineColorScheme> = { auto: 'light', light: 'dark', dark: 'auto' }
const words: Record<MantineColorScheme, string> = { auto: 'like the system', light: 'light', dark: 'dark' }
const icons = { auto: SunMoon, light: Sun, dark: Moon }

export function SchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const Icon = icons[colorScheme]
  return (
    <IconButton
      label={`Colours: ${words[colorScheme]}. Change to ${words[next[colorScheme]]}`}
      data-testid="scheme-toggle"
      data-scheme={colorScheme}
      onClick={() => { setColorScheme(next[colorScheme]) }}
    >
      <Icon size={18} aria-hidden />
    </IconButton>
  )
}
