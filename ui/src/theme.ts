import { createTheme, Drawer, Modal, type MantineColorsTuple } from '@mantine/core'

// Indigo: away from red, yellow and cyan, which belong to alerts alone.
const ink: MantineColorsTuple = [
  '#f0f0fb', '#dddcf4', '#bfbdea', '#9e9bdf', '#827ed4', '#6a65c6', '#544fb0', '#3d3a94', '#302e78', '#232259',
]

// The library's greys, turned towards the blue of the dark scheme's surfaces: text, borders, inputs, body.
const dark: MantineColorsTuple = [
  '#e9ecf2', '#b4bccb', '#929cad', '#6b7585', '#3c4656', '#2a323e', '#1a2029', '#0d1015', '#0a0d11', '#080a0d',
]

const closable = {
  transitionProps: { duration: 0 },
  closeButtonProps: { 'aria-label': 'Close' },
  // The library's <header> would be a second banner landmark.
  attributes: { header: { role: 'none' } },
  styles: {
    content: { background: 'var(--surface)' },
    header: { background: 'var(--surface)' },
    title: { fontSize: 18, fontWeight: 620, letterSpacing: '-0.015em' },
  },
}

export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: { light: 7, dark: 6 },
  colors: { ink, dark },
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', monospace",
  defaultRadius: 6,
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Drawer: Drawer.extend({ defaultProps: closable }),
    Modal: Modal.extend({ defaultProps: closable }),
  },
})
