import { Component, type ReactNode } from 'react'
import { ErrorState } from './ErrorState'

/** A fault of this page shows as such; a blank screen could be taken for a quiet ward. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: unknown): { error: Error } {
    const text = error instanceof Error ? error.message : String(error)
    return { error: new Error(`This page has failed: ${text}. Reload it; if that does not help, tell whoever runs this server.`) }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (error === null) return this.props.children
    return <main><ErrorState error={error} retry={() => { window.location.reload() }} /></main>
  }
}
