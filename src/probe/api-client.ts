/**
 * The few calls to the API server that the probe makes, as plain JSON over node:https. Why not @kubernetes/client-node:
 * docs/adr/0001-thin-api-client.md (80 MB of RSS).
 */
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Credentials } from './credentials.ts'
import { createLanes, type Lane } from './lanes.ts'

export interface ApiClient {
  readonly request: <Reply>(method: Method, path: string, options: RequestOptions) => Promise<Reply>
  /** Calls back with each line of the answer; resolves when the server ends it, rejects when it breaks or the deadline passes. */
  readonly stream: (path: string, onLine: (line: string) => void, options: StreamOptions) => Promise<void>
  readonly close: () => void
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

interface RequestOptions {
  /** From the request's turn on, all attempts together. */
  readonly deadlineMs: number
  /** `usual` if left out. */
  readonly lane?: Lane
  readonly body?: unknown
  readonly contentType?: string
  /** Asked before each attempt: what was right when the request was queued may not be right any more. */
  readonly mayStart?: () => boolean
}

interface StreamOptions {
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

interface ApiError extends Error {
  readonly status: number
  /** When the server wants to be asked again. */
  readonly retryAfterMs: number | undefined
}

function isApiError (error: unknown): error is ApiError {
  return error instanceof Error && typeof (error as Partial<ApiError>).status === 'number'
}

export function hasStatus (error: unknown, ...statuses: number[]): boolean {
  return isApiError(error) && statuses.includes(error.status)
}

/** The time that the server asks for, if it does: 429 of one that is overloaded, 503 of one that starts or stops. */
export function retryAfterOf (error: unknown): number | undefined {
  return isApiError(error) ? error.retryAfterMs : undefined
}

/** A watch whose server is gone without a word ends eleven seconds after the last packet: this, and ten probes of a second. */
const KEEPALIVE_MS = 1000
const MAX_ERROR_BODY = 4096
/** `Retry-After: 0` is no leave to ask without a pause. */
const MIN_RETRY_MS = 100

export function createApiClient (credentials: Credentials): ApiClient {
  const { open, forgetIdle, close } = createTransport(credentials)
  const inTurn = createLanes()
  const closing = new AbortController()

  async function once <Reply> (method: Method, path: string, options: RequestOptions, deadlineMs: number): Promise<Reply> {
    const { body, contentType = 'application/json', mayStart } = options
    if (mayStart && !mayStart()) throw new Error('request overtaken while it was queued')
    const sent = body === undefined ? undefined : { text: JSON.stringify(body), type: contentType }
    const startedAt = performance.now()
    const deadline = AbortSignal.timeout(deadlineMs)
    try {
      const response = await open(method, path, sent, deadline)
      const text = await readText(response)
      if (!isSuccess(response)) throw apiError(response, text)
      return JSON.parse(text) as Reply
    } catch (error) {
      if (!deadline.aborted) throw error
      forgetIdle(startedAt)
      throw new Error(`no answer from the API server in ${deadlineMs} ms`, { cause: error })
    }
  }

  /** Its place in the lane stays taken while it waits, so an overloaded server gets no more requests than the lane is wide. */
  async function untilServed <Reply> (method: Method, path: string, options: RequestOptions): Promise<Reply> {
    const until = performance.now() + options.deadlineMs
    for (;;) {
      try {
        return await once<Reply>(method, path, options, Math.max(Math.ceil(until - performance.now()), 1))
      } catch (error) {
        const waitMs = Math.max(retryAfterOf(error) ?? Infinity, MIN_RETRY_MS)
        if (performance.now() + waitMs >= until) throw error
        await sleep(waitMs, undefined, { signal: closing.signal })
      }
    }
  }

  return {
    request: (method, path, options) => inTurn(options.lane ?? 'usual', () => untilServed(method, path, options)),
    stream: async (path, onLine, { deadlineMs, signal }) => {
      const response = await open('GET', path, undefined, AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]))
      if (!isSuccess(response)) throw apiError(response, await readText(response))
      await readLines(response, onLine)
    },
    close: () => { closing.abort(); close() },
  }
}

function createTransport ({ server, ca, cert, key, token }: Credentials) {
  const secure = server.startsWith('https:')
  const settings = { keepAlive: true, keepAliveMsecs: KEEPALIVE_MS }
  const agent = secure ? new https.Agent({ ...settings, ...cert && { cert }, ...key && { key } }) : new http.Agent(settings)
  const heardAt = new WeakMap<Socket, number>()

  async function open (method: Method, path: string, body: Body | undefined, signal: AbortSignal): Promise<http.IncomingMessage> {
    const [bearer, authority] = await Promise.all([token?.(), ca?.()])
    const headers = {
      accept: 'application/json',
      'user-agent': 'sentinel-probe',
      ...(bearer && { authorization: `Bearer ${bearer}` }),
      ...(body && { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
    }
    // by request: the agent opens new connections when it is another authority
    const options = { method, agent, headers, signal, ...authority !== undefined && { ca: authority } }
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(server.replace(/\/$/, '') + path, options)
      request.on('response', (response) => { heardAt.set(response.socket, performance.now()); resolve(response) }).on('error', reject)
      request.end(body?.text)
    })
  }

  /**
   * Closes the idle connections that gave no sign of life since then. When the machine behind them is gone without a word, each would cost
   * another request its whole deadline.
   */
  function forgetIdle (since: number): void {
    const idle = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])
    for (const socket of idle) if ((heardAt.get(socket) ?? 0) < since) socket.destroy()
  }

  return { open, forgetIdle, close: () => agent.destroy() }
}

interface Body { readonly text: string, readonly type: string }

function isSuccess ({ statusCode = 0 }: http.IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

async function readText (response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk as string
  return text
}

async function readLines (response: http.IncomingMessage, onLine: (line: string) => void): Promise<void> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') onLine(line)
  }
}

function apiError (response: http.IncomingMessage, text: string): ApiError {
  const seconds = Number(response.headers['retry-after'] ?? NaN)
  const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
  return Object.assign(new Error(`API server answered: ${messageOf(text)}`), { status: response.statusCode ?? 0, retryAfterMs })
}

function messageOf (text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string') return message.slice(0, MAX_ERROR_BODY)
  } catch {
    // Not a Status object: a proxy's page. Its head says enough.
  }
  return text.slice(0, MAX_ERROR_BODY)
}
