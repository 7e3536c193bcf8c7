/** The one door to the server: every request of the page goes through `request`. */

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly by: string | null = null,
    readonly at: string | null = null,
    /** Which one of several readings sent the error is about, by its place. */
    readonly place: number | null = null,
    /** What only refused claims tell: how long to leave the server alone, and whose own device a used code had opened. */
    readonly more: { retry_after_s?: number; device?: string | null } = {},
  ) {
    super(message)
  }
}

// A request that hangs longer than the stream's own patience (15 s) is as good as lost.
const timeout_ms = 15_000

interface ErrorBody {
  error?: { code?: string; message?: string; by?: string; at?: string; reading?: number | null; retry_after_s?: number; device?: string | null }
  issue?: { diagnostics?: string }[]
}

/** Whether nobody knows if a write was done: the answer got lost, or the server failed in the middle. */
export function isUncertain(error: Error | null): boolean {
  return error !== null && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500)
}

let onSignedOut: () => void = () => undefined

/** Called whenever a request other than signing in is answered 401. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback
}

export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      ...init,
      credentials: 'same-origin',
      headers: { Accept: 'application/json, application/fhir+json', ...init.headers },
      signal: AbortSignal.timeout(timeout_ms),
    })
  } catch {
    throw new ApiError(0, 'unreachable', 'The server cannot be reached. Check the network, then try again.')
  }
  if (response.status === 204) return undefined as T
  const body: unknown = await response.json().catch(() => null)
  if (response.ok) return body as T
  if (response.status === 401 && path !== '/api/sign-in') onSignedOut()
  throw toError(response.status, body)
}

/** A write; the extra header is what the server asks for beside the cookie. */
export function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'vitalstream' },
    body: JSON.stringify(body),
  })
}

function toError(status: number, body: unknown): ApiError {
  const { error, issue } = (body ?? {}) as ErrorBody
  const message = error?.message ?? issue?.[0]?.diagnostics ?? `The server answered ${String(status)}.`
  return new ApiError(status, error?.code ?? 'unknown', message, error?.by ?? null, error?.at ?? null, error?.reading ?? null, error)
}
