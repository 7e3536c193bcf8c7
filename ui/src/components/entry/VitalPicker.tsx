import { unitText } from '../../format/format'
import styles from './Entry.module.css'
import { newsRound, vitals, type Vital, type VitalKey } from './vitals'

interface Props {
  offered: readonly Vital[]
  chosen: readonly VitalKey[]
  onChoose: (chosen: readonly VitalKey[]) => void
}

/** Which vitals to enter: the last ones are remembered, a whole round takes one press. */
export function VitalPicker({ offered, chosen, onChoose }: Props) {
  const isRound = newsRound.every((key) => chosen.includes(key))
  const offersRound = newsRound.every((key) => offered.some((vital) => vital.key === key))
  const toggle = (key: VitalKey) => {
    const next = chosen.includes(key) ? chosen.filter((each) => each !== key) : [...chosen, key]
    onChoose(vitals.map((vital) => vital.key).filter((each) => next.includes(each)))
  }
  return (
    <div className={styles.picker} role="group" aria-label="Vitals to enter">
      {offersRound && (
        <button type="button" aria-pressed={isRound} data-round onClick={() => { onChoose(isRound ? [] : newsRound) }}>
          NEWS2 round
        </button>
      )}
      {offered.map(({ key, label, boxes }) => (
        <button key={key} type="button" aria-pressed={chosen.includes(key)} onClick={() => { toggle(key) }}>
          {label}
          {key.startsWith('glucose') && <small> {unitText(boxes[0]?.unit ?? '')}</small>}
        </button>
      ))}
    </div>
  )
}
