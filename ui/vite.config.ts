import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// `npm run dev` talks to a running vitalstream (or to `npm run mock`) through this proxy.
const server = 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: '../api/static',
    emptyOutDir: true,
    // Nothing is inlined as data: so that the page runs under font-src 'self' and script-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // What every page needs from libraries is one file: it packs better and outlives our own changes.
      output: { codeSplitting: { groups: [{ name: 'vendor', test: /node_modules\/(?!uplot|lean-qr)/ }] } },
    },
  },
  server: {
    proxy: { '/api': server, '/fhir': server },
    // A test compares what the entry form calls plausible with the code table.
    fs: { allow: ['.', '../vitals'] },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'] },
})
