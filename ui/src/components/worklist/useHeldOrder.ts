import { useMemo, useState, type FocusEvent, type PointerEvent } from 'react'
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

  const held = pointer || focus
  const next = arrange(shown, sorted, held)
  if (next !== shown) setShown(next)

  // What stands above the rows would move them too when it comes or goes.
  const silent = useLive((state) => state.gateways)
  const isBlind = useLive((state) => [...state.rows.values()].some((row) => row.silence?.cause === 'pipeline'))
  const name = [String(isBlind), ...silent.map(({ gateway }) => gateway)].join(' ')
  const [above, setAbove] = useState({ name, gateways: silent, isBlind })
  const catchUp = { name, gateways: silent, isBlind }
  const waits = held && name !== above.name
  if (!waits && (above.gateways !== silent || above.isBlind !== isBlind)) setAbove(catchUp)

  const placed = useMemo<Placed[]>(
    () =>
      next.places.flatMap(({ patient, bucket }) => {
        const row = rows.get(patient)
        return row === undefined ? [] : [{ bucket, row }]
      }),
    [next.places, rows],
  )
  const release = () => {
    setShown(arrange(nothingShown, sorted, false))
    setAbove(catchUp)
  }
  const holding = {
    // A finger leaves the glass after each touch; only a resting mouse or pen holds.
    onPointerEnter: (event: PointerEvent) => { setPointer(event.pointerType !== 'touch') },
    onPointerLeave: () => { setPointer(false) },
    onFocus: () => { setFocus(true) },
    onBlur: (event: FocusEvent) => { setFocus(event.currentTarget.contains(event.relatedTarget)) },
  }
  return { placed, above, changed: next.changed + Number(waits), release, holding }
}
