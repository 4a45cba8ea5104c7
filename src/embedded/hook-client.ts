/** Calls a hook as Metacontroller does: POST, only 200 counts, 429 means "ask me later and touch nothing". */
import { hookTimeoutMs, hookUrl } from './composite-controller.ts'
import { messageOf, retryAfter } from './failures.ts'
import type { Hook } from './composite-controller.ts'

type HookName = 'sync' | 'customize' | 'finalize'

export type HookClientOptions = {
  baseUrl?: string | undefined
  now: () => number
  onRequest: (hook: HookName, code: string) => void
}

/** Answers with the body of a 200; throws otherwise. */
export type HookClient = (name: HookName, hook: Hook, body: object) => Promise<string>

export function createHookClient ({ baseUrl, now, onRequest }: HookClientOptions): HookClient {
  return async (name, hook, body) => {
    try {
      const response = await post(hook, body).catch((error: unknown) => {
        onRequest(name, 'none')
        throw error
      })
      onRequest(name, String(response.status))
      if (response.status === 429) throw retryAfter(retryAfterOf(response.headers.get('retry-after'), now()))
      const text = await response.text()
      if (response.status !== 200) throw new Error(`unsupported status code: ${response.status} body: ${text}`)
      return text
    } catch (error) {
      throw describeFailure(name, error)
    }
  }

  /** The deadline covers connecting, the headers and the body. */
  function post (hook: Hook, body: object): Promise<Response> {
    return fetch(hookUrl(hook, baseUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(hookTimeoutMs(hook)),
    })
  }
}

function describeFailure (name: HookName, error: unknown): unknown {
  // A 429 is not a failure of the hook: it passes as it is.
  if (error instanceof Error && 'retryAfterSeconds' in error) return error
  // undici says "fetch failed" and keeps what happened in the cause.
  const cause = error instanceof TypeError && error.cause ? `http error: ${messageOf(error.cause)}` : messageOf(error)
  return new Error(`${name} hook failed (version=v2): ${cause}`, { cause: error })
}

/** Seconds: an integer or a date. Anything else counts as 0, which calls the hook again at once, as in Metacontroller. */
export function retryAfterOf (header: string | null, nowMs: number): number {
  if (header === null) return 0
  if (/^[+-]?\d+$/.test(header)) return Number(header)
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} /.test(header) ? Date.parse(header) : NaN
  return Number.isNaN(date) ? 0 : Math.ceil((date - nowMs) / 1000)
}
