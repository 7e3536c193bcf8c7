import { createContext, useContext } from 'react'
import type { Me } from '../../api/types'

export const SignedIn = createContext<Me | null>(null)

/** Who is signed in; only screens inside the shell may ask. */
export function useSignedIn(): Me {
  const me = useContext(SignedIn)
  if (me === null) throw new Error('useSignedIn outside the shell')
  return me
}
