import { Skeleton } from '@mantine/core'

/** The quiet outline of a page that is on its way. */
export function PageSkeleton() {
  return (
    <div role="status" style={{ display: 'grid', gap: 12 }} data-testid="loading">
      <h1 className="sr-only">Loading</h1>
      <Skeleton height={30} width={220} />
      <Skeleton height={56} />
      {Array.from({ length: 8 }, (_, i) => (
        <Skeleton key={i} height={48} style={{ opacity: 1 - i / 9 }} />
      ))}
    </div>
  )
}
