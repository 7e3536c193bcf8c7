import { useCallback, useMemo, useState, type FocusEvent, type PointerEvent } from 'react'
import { arrange, nothingShown, sortRows } from '../../live/order'
import { useLive } from '../../live/hooks'
import type { Placed } from './WorklistTable'

/** The worklist's rows in the order to show now: the server's, except while a pointer or the focus is inside. */
export function useHeldOrder() {
  const rows = useLive((state) => state.rows)
  const sorted = useMemo(() => sortRows(rows.values()), [rows])
  const [shown, setShown] = useState(nothingShown)
  const [pointer, setPointer] = useState(false)
  const [focus, setFocus] = useState(false)

  const next = arrange(shown, sorted, pointer || focus)
  if (next !== shown) setShown(next)

  const placed = useMemo<Placed[]>(
    () =>
      next.places.flatMap(({ patient, bucket }) => {
        const row = rows.get(patient)
        return row === undefined ? [] : [{ bucket, row }]
      }),
    [next.places, rows],
  )
  const release = useCallback(() => { setShown(arrange(nothingShown, sorted, false)) }, [sorted])
  const holding = {
    // A finger leaves the glass after each touch; only a resting mouse or pen holds.
    onPointerEnter: (event: PointerEvent) => { setPointer(event.pointerType !== 'touch') },
    onPointerLeave: () => { setPointer(false) },
    onFocus: () => { setFocus(true) },
    onBlur: (event: FocusEvent) => { setFocus(event.currentTarget.contains(event.relatedTarget)) },
  }
  return { placed, changed: next.changed, release, holding }
}
