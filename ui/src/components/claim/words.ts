/** What the claim says, in words for people who have never paired anything. */
import type { TroubleCode } from '../../api/deviceTypes'
import type { Refusal } from './machine'

interface DeviceWords {
  name: string
  now: string
  /** How to take the first reading. */
  steps: readonly string[]
}

export const pictures = ['cuff', 'oximeter', 'thermometer', 'scale', 'strap'] as const

const known: Record<string, DeviceWords> = {
  cuff: {
    name: 'Blood pressure cuff',
    now: 'Put it on and take a reading now',
    steps: ['Sit down and rest for a minute.', 'Put the cuff on your bare upper arm.', 'Press the start button. Sit still until it is done.'],
  },
  oximeter: {
    name: 'Finger oxygen meter',
    now: 'Put it on your finger now',
    steps: ['Warm your hands.', 'Clip it on a finger, with the nail facing up.', 'Keep your hand still for a minute.'],
  },
  thermometer: {
    name: 'Thermometer',
    now: 'Take your temperature now',
    steps: ['Switch it on.', 'Take your temperature the way its leaflet shows.', 'Wait for the beep.'],
  },
  scale: {
    name: 'Scale',
    now: 'Step on the scale now',
    steps: ['Put it on a hard floor.', 'Step on it, without shoes.', 'Stand still until the number stops moving.'],
  },
  strap: {
    name: 'Chest strap',
    now: 'Put it on and take a reading now',
    steps: ['Wet the two pads on the back a little.', 'Put it on under your chest, on bare skin.', 'Sit still for a minute.'],
  },
}

const other: DeviceWords = {
  name: 'Device',
  now: 'Take a reading now',
  steps: ['Switch it on.', 'Put it on the way its leaflet shows.', 'Take one reading.'],
}

export function deviceWords(picture: string | null): DeviceWords {
  return known[picture ?? ''] ?? other
}

/** "blood pressure cuff", inside a sentence. */
export function nameInside(picture: string | null): string {
  return deviceWords(picture).name.toLowerCase()
}

interface RefusalWords {
  title: string
  does: readonly string[]
  /** What another try with a code is called. */
  again: string
}

export const refusalWords: Record<Refusal, RefusalWords> = {
  'wrong-code': {
    title: 'We do not know this code',
    does: ['Look at the card again and compare each letter.', 'Take the code with eight letters. The long number on the device is another one.'],
    again: 'Try again',
  },
  'used-code': {
    title: 'This code was used before',
    does: ['Each code works only once.', 'If you have added this device already, there is nothing more to do.', 'If not, please ask your care team for a new code.'],
    again: 'I have another code',
  },
  'expired-code': {
    title: 'This code is too old',
    does: ['Codes stop working after a while.', 'Please ask your care team for a new code.'],
    again: 'I have another code',
  },
  'other-patient': {
    title: 'This device is meant for somebody else',
    does: ['Please do not use it: its readings would go to the wrong person.', 'Put it back in its box and call your care team. Two boxes may have been swapped.'],
    again: 'I have another code',
  },
  'slow-down': {
    title: 'Please wait a moment',
    does: ['There were several wrong codes, so we wait a little.', 'Please compare the letters on the card.'],
    again: 'Try again',
  },
}

export const troubleTitles: Record<TroubleCode, string> = {
  'nothing-came': 'Nothing has come yet',
  'gateway-silent': 'The box at home is silent',
  'device-refused': 'The device was not let in',
  'too-far': 'The device is too far away',
  'time-unknown': 'We do not know when this was measured',
}

/** What shows it; null when nobody knows why and there are several things to look at. */
export const troubleDrawings: Record<TroubleCode, string | null> = {
  'nothing-came': null,
  'gateway-silent': 'box',
  'device-refused': 'card',
  'too-far': 'distance',
  'time-unknown': 'button',
}

interface Check {
  drawing: string
  text: string
}

const battery: Check = { drawing: 'battery', text: 'Is it switched on? Put in new batteries if its screen stays dark.' }

/** Three things to look at, each with its drawing. */
export const checks: Record<'mqtt' | 'ble', readonly Check[]> = {
  ble: [
    battery,
    { drawing: 'distance', text: 'Take it to the same room as the box that was plugged in for you.' },
    { drawing: 'button', text: 'Take one more reading. If it has a Bluetooth button, press it first.' },
  ],
  mqtt: [
    battery,
    { drawing: 'distance', text: 'Take it closer to where your internet or phone signal is good.' },
    { drawing: 'button', text: 'Take one more reading and wait until it says that it was sent.' },
  ],
}
